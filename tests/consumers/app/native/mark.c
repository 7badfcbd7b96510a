/* The library that shout.c needs. */

unsigned char mark(void) { return '!'; }
