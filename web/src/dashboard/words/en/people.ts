// English: people who sign in.

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
};
