export { frame } from './frame';
export { operation } from './operation';
export { partners } from './partners';
export { states } from './states';
