// The dashboard's parts, replaced as they change.

import { draw } from "./chart.js";
import { autoRefresh, replaceParts } from "./refresh.js";

autoRefresh((fresh) => {
  if (document.querySelector(".u-select")?.offsetWidth) return; // a range is being drawn
  replaceParts(fresh, (part) => { if (part.querySelector("#histogram")) draw(); });
});
draw();
