/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* gate_error() from inside: what libbpf and libxdp last complained about, on this thread. */
#ifndef STRAZH_USER_GATE_EXPLAIN_H
#define STRAZH_USER_GATE_EXPLAIN_H

/* From now on libbpf and libxdp print nothing: their last warning is kept instead. */
void explain_hush(void);
/* The last warning since explain_forget(), one line, "" when there is none. */
const char *explain_warning(void);
void explain_forget(void);

#endif
