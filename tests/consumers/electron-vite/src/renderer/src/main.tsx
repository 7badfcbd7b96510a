import { connect } from 'inplace-exchange/page';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

const { exchange } = connect();

async function textOf(library: string, request: Uint8Array<ArrayBuffer>) {
  return new TextDecoder().decode(await exchange(request, { library }));
}

function Report() {
  const [report, setReport] = useState<string>();
  useEffect(() => {
    Promise.all([textOf('default', new Uint8Array(1024)), textOf('shout', new TextEncoder().encode('in place '))]).then(
      ([byDefault, own]) => setReport(JSON.stringify({ default: byDefault, own })),
      (error) => setReport(JSON.stringify({ default: String(error) })),
    );
  }, []);
  return report === undefined ? null : <title>{report}</title>; // React hoists it into the head
}

createRoot(document.getElementById('root') as HTMLElement).render(<Report />);
