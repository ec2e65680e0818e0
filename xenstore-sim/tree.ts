/**
 * The tree of nodes as a value.
 */
import type { Node } from './node.js';
import type { PathMap } from './path-map.js';

/** Every node by its path; the root is always there. */
export type Tree = PathMap<Node>;
