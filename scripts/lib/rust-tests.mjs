// The tests in Rust: those of each crate, and those of libraries' processes once more, as macOS has these.

const CRATES = 'inplace-exchange-host library-process validator inplace-exchange-sdk native-lib live-lib'.split(' ');
/** As far as Linux has it too; npm run reach -- macos goes further. */
const AS_ON_MACOS = '-p library-process --features portable --test client --test crashes'.split(' ');

/**
 * The steps of npm test, with the arguments of cargo. The second builds the same files from other features.
 * @type {{ name: string, args: string[], after?: string[] }[]}
 */
export const RUST_TESTS = [
  { name: 'rust tests', args: ['test', '--quiet', '--no-fail-fast', ...CRATES.flatMap((name) => ['-p', name])] },
  ...(process.platform === 'linux'
    ? [
        {
          name: 'rust tests, as on macOS',
          args: ['test', '--quiet', '--no-fail-fast', ...AS_ON_MACOS],
          after: ['rust tests'],
        },
      ]
    : []),
];
