// Asks for the view itself, this time from our own page. What is shown now stays until it is there.
"use strict";
window.location.replace(window.location.href);
