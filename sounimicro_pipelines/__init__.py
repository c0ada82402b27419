"""SuperOffice CRM and Unimicro, kept in step: registers both ways, figures inside the CRM."""
