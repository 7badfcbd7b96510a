import { useEffect, useState } from 'react';
import { exchange, frames } from './libraries';

/** A picture of 1080p. */
const FRAME_BYTES = 1920 * 1080 * 4;
const FRAMES_PER_REPORT = 10;

async function textOf(library: string, request: Uint8Array<ArrayBuffer>) {
  return new TextDecoder().decode(await exchange(request, { library }));
}

/** Exchanges, then streams frames for as long as it is mounted, and reports both in the title of the page. */
export function Report() {
  const [texts, setTexts] = useState<object>();
  const [count, setCount] = useState(0);
  useEffect(() => {
    const unmounted = new AbortController();
    const { signal } = unmounted;
    async function stream() {
      const byDefault = await textOf('default', new Uint8Array(1024));
      setTexts({ default: byDefault, own: await textOf('shout', new TextEncoder().encode('in place ')) });
      for await (const _frame of frames({ byteLength: FRAME_BYTES, shared: true, signal })) {
        setCount((before) => before + 1);
        await new Promise(requestAnimationFrame); // one frame for each picture on the screen
      }
    }
    stream().catch((error) => {
      if (!signal.aborted) console.error(error);
    });
    return () => unmounted.abort();
  }, []);
  if (!texts || count < FRAMES_PER_REPORT) return null;
  const report = { ...texts, frames: count - (count % FRAMES_PER_REPORT), page: performance.timeOrigin };
  return <title>{JSON.stringify(report)}</title>; // React hoists it into the head
}
