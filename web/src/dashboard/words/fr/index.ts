export { frame } from './frame';
export { operation } from './operation';
export { overview } from './overview';
export { partners } from './partners';
export { states } from './states';
