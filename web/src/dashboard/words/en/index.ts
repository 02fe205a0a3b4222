export { frame } from './frame';
export { operation } from './operation';
export { partners } from './partners';
export { people } from './people';
export { states } from './states';
