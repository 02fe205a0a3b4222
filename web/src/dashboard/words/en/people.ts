// English: people who sign in, and what callers did.

import type { AuditAction } from '../../api/documents';

export const people = {
  session: {
    signInWith: (provider: string) => `Sign in with ${provider}`,
    otherAccount: 'Use another account',
    signOutEverywhere: 'Sign out everywhere',
    signOutFailed: 'You are still signed in: the server is unreachable.',
    reasons: {
      expired: 'Your session has expired. Sign in again to continue.',
      ended: 'Your session has ended. Sign in again to continue.',
      'no-access': 'Your account has no access here. Ask whoever runs this service to give you a role.',
      refused: 'The sign-in was canceled or refused.',
      invalid: 'The sign-in could not be verified. Try again.',
      unavailable: 'Sign-in is not available at the moment. Try again in a minute.',
    },
  },
  audit: {
    title: 'Audit log',
    explain: 'Who read ticket codes, canceled, settled, exported or paused something, and who signed in and out.',
    entries: 'Entries',
    none: 'No entries',
    when: 'When',
    who: 'Who',
    action: 'Action',
    subject: 'Order or source',
    order: 'Order number',
    all: 'All actions',
    apply: 'Filter',
    everybody: 'Show everybody',
    newest: 'Newest entries',
    older: 'Older entries',
    actions: {
      SIGNED_IN: 'Signed in',
      SIGNED_OUT: 'Signed out',
      SIGNED_OUT_EVERYWHERE: 'Signed out everywhere',
      CODES_READ: 'Read ticket codes',
      ORDER_CANCELED: 'Canceled lines',
      LEG_SETTLED: 'Settled a leg',
      LEGS_RETRIED: 'Retried legs',
      NOTE_ADDED: 'Added a note',
      ORPHAN_RESOLVED: 'Resolved an orphan',
      SOURCE_PAUSED: 'Paused a source',
      SOURCE_RESUMED: 'Resumed a source',
      ORDERS_EXPORTED: 'Exported orders',
      STATEMENT_EXPORTED: 'Exported a statement',
    } satisfies Record<AuditAction, string>,
  },
};
