-- One pairing of two posted lines; the amount without sign.
{{ stage_matching(source('raw', 'post_post')) }}
