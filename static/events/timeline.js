// The timeline up to now goes on as time does.

import { autoRefresh, replaceParts } from "./refresh.js";

autoRefresh(replaceParts);
