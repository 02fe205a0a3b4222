// The messages of a subscription, as the response pane shows them: the newest first, so that it is in sight.

/** Messages that are kept. The editor formats and colors its whole text at each message, which is noticeable at some hundreds. */
const MAX_MESSAGES = 100;

export function messageList() {
  let received = 0;
  let messages: object[] = [];
  const shown = () => ({ received, ...(received > messages.length ? { kept: messages.length } : {}), messages });
  return {
    /** Adds a message, and returns what is shown. */
    add(message: unknown) {
      received += 1;
      messages = [{ receivedAt: new Date().toISOString(), ...(message as object) }, ...messages].slice(0, MAX_MESSAGES);
      return shown();
    },
    /** Adds the reason why no more messages come, if there were any. */
    fail(error: unknown) {
      if (received === 0) return undefined;
      return { ended: error instanceof Error ? error.message : error, ...shown() };
    },
  };
}
