// Within the CRM the record stands on the screen already: a link to it there is for windows of our own.
"use strict";
document.documentElement.classList.toggle("framed", window.parent !== window);
