/* SPDX-License-Identifier: Apache-2.0 */
/* libstrazh-orm: one C library over SQLite and PostgreSQL. All of it; orm/README.md is the map. */
#ifndef STRAZH_ORM_H
#define STRAZH_ORM_H

#include <strazh/orm/async.h>
#include <strazh/orm/batch.h>
#include <strazh/orm/copy.h>
#include <strazh/orm/db.h>
#include <strazh/orm/error.h>
#include <strazh/orm/expr.h>
#include <strazh/orm/func.h>
#include <strazh/orm/guard.h>
#include <strazh/orm/json.h>
#include <strazh/orm/log.h>
#include <strazh/orm/migrate.h>
#include <strazh/orm/query.h>
#include <strazh/orm/relation.h>
#include <strazh/orm/schema.h>
#include <strazh/orm/seed.h>
#include <strazh/orm/session.h>
#include <strazh/orm/shortcut.h>
#include <strazh/orm/stats.h>
#include <strazh/orm/table.h>
#include <strazh/orm/tx.h>
#include <strazh/orm/types.h>

#endif
