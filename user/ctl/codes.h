/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* How a command ends: exit codes of strazhctl, `code` and `result` in JSON, strazhctl(8). */
#ifndef STRAZH_USER_CTL_CODES_H
#define STRAZH_USER_CTL_CODES_H

#define CTL_CODES(X)                                                                               \
	X(DONE, "done", "done")                                                                    \
	X(FAILED, "failed", "it failed; the message says why")                                     \
	X(USAGE, "usage", "the command line is wrong")                                             \
	X(REFUSED, "refused", "refused: a never or allow entry, somebody else's program or file")  \
	X(NOT_FOUND, "not-found", "there is no such entry, list, interface or file")               \
	X(FULL, "full", "the map is full; what was there stays in force")                          \
	X(NO_GATE, "no-gate", "the gate is not loaded, or you may not touch it")                   \
	X(PARTLY, "partly", "partly done; the rest is named")                                      \
	X(UNSUPPORTED, "unsupported", "the driver or the kernel cannot do that")

enum ctl_code {
#define X(code, name, text) CTL_##code,
	CTL_CODES(X)
#undef X
		CTL_CODE_COUNT,
};

extern const char *const ctl_code_names[CTL_CODE_COUNT];
extern const char *const ctl_code_texts[CTL_CODE_COUNT];

#endif
