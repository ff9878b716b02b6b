/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* `strazhctl status --security`: what each process of strazhd may do. */
#ifndef STRAZH_USER_CTL_SECURITY_H
#define STRAZH_USER_CTL_SECURITY_H

#include <jansson.h>

#include <strazh/base/compiler.h>

struct render;
struct request;

/* A row for each process; as run() of a command. */
int security_show(struct request *request) must_check;
/* One of these rows, for a person. */
void security_view(const struct render *render, const json_t *row);

#endif
