import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Report } from './Report';

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <Report />
  </StrictMode>,
);
