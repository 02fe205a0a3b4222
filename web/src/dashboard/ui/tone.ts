// The color of a state. Color never stands alone: the word is always beside it.

import type { ConnectionState, HealthState, LegStatus, OrderStatus, TicketStatus } from '../api/documents';

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'calm';

const TONES: Record<OrderStatus | LegStatus, Tone> = {
  DRAFT: 'calm',
  HOLDING: 'busy',
  HELD: 'busy',
  PARTIALLY_HELD: 'warn',
  HOLD_FAILED: 'bad',
  CONFIRMING: 'busy',
  CONFIRMED: 'good',
  PARTIALLY_CONFIRMED: 'warn',
  CONFIRM_FAILED: 'bad',
  OUTCOME_UNKNOWN: 'warn',
  COMPENSATING: 'warn',
  CANCELLING: 'busy',
  CANCELLED: 'calm',
  PARTIALLY_CANCELLED: 'warn',
  RELEASING: 'busy',
  RELEASED: 'calm',
  EXPIRED: 'calm',
  FAILED: 'bad',
  NEEDS_ATTENTION: 'bad',
};

// A state that this page does not know yet is another one on the way.
export const toneOfOrder = (status: OrderStatus | LegStatus): Tone => TONES[status] ?? 'busy';

export const toneOfTicket: Record<TicketStatus, Tone> = {
  PENDING: 'busy',
  ISSUED: 'good',
  DELIVERED: 'good',
  TRANSFERRED: 'good',
  USED: 'calm',
  VOIDING: 'warn',
  VOID: 'calm',
};

export const toneOfHealth: Record<HealthState, Tone> = { UP: 'good', DEGRADED: 'warn', DOWN: 'bad' };

export const toneOfConnection: Record<ConnectionState, Tone> = { READY: 'good', INCOMPLETE: 'bad', SUSPENDED: 'warn' };
