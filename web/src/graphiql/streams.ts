// Streams that GraphiQL reads, with something done on the way.

interface Steps<T, U> {
  /** Replaces each value. */
  next(value: T): U;
  /** Replaces an error by a last value; without one the error is thrown. */
  fail?(error: unknown): U | undefined;
  /** Runs once, at the end: whether it is complete, has failed or was stopped. */
  end(): void;
}

/**
 * A stream of replaced values. It is no generator, since those end only after the value that they wait for: a subscription that is
 * stopped would stay open until its next message.
 */
export function mapped<T, U>(source: AsyncIterable<T>, steps: Steps<T, U>): AsyncIterableIterator<U> {
  const iterator = source[Symbol.asyncIterator]();
  let isEnded = false;
  const end = () => {
    if (!isEnded) steps.end();
    isEnded = true;
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (isEnded) return { done: true, value: undefined };
      try {
        const result = await iterator.next();
        if (!result.done) return { done: false, value: steps.next(result.value) };
        end();
        return { done: true, value: undefined };
      } catch (error) {
        end();
        const value = steps.fail?.(error);
        if (value === undefined) throw error;
        return { done: false, value };
      }
    },
    async return() {
      end();
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
}
