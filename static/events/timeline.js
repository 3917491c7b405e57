// The timeline up to now goes on as time does.

import { replaceParts } from "./parts.js";
import { keepTrue } from "./refresh.js";

keepTrue(replaceParts);
