export { frame } from './frame';
export { listing } from './listing';
export { operation } from './operation';
export { overview } from './overview';
export { partners } from './partners';
export { people } from './people';
export { states } from './states';
export { webhooks } from './webhooks';
