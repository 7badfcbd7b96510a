require('inplace-exchange/preload').expose({ origins: ['file://'] });
