// The dashboard's parts, replaced as they change.

import { draw } from "./chart.js";
import { replaceParts } from "./parts.js";
import { keepTrue } from "./refresh.js";

keepTrue((fresh) => {
  if (document.querySelector(".u-select")?.offsetWidth) return; // a range is being drawn
  replaceParts(fresh, (part) => { if (part.querySelector("#histogram")) draw(); });
});
draw();
