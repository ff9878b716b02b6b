/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Between the files of the memory alone. */
#ifndef STRAZH_USER_DAEMON_MEMORY_PARTS_H
#define STRAZH_USER_DAEMON_MEMORY_PARTS_H

#include <user/daemon/keeper.h>
#include <user/daemon/memory.h>

#define MEMORY_SHOWN_LEN 256

struct memory {
	struct keeper *keeper;
	struct store *store;	  /* NULL: there is none */
	struct store_fault fault; /* why, when there should be one */
	struct watch watch;
	bool wanted;		    /* it is not `none` */
	uint64_t opened_s;	    /* of the wall */
	bool degraded;		    /* said already */
	char url[MEMORY_SHOWN_LEN]; /* without its password */
	uint64_t missed;	    /* acts that it did not take */
	struct host_memory shown;
	char why[sizeof((struct store_fault){0}.text)];
};

#endif
