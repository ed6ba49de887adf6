/* plan_parts.h: the pieces of a plan that plan.c puts together. Nobody else includes it, but for
 * tests. */
#ifndef CONVERT_FLEET_PLAN_PARTS_H
#define CONVERT_FLEET_PLAN_PARTS_H

#include "convert/fleet/plan.h"

/* --- plan_estimate.c: bytes and requests of what is to be done; ret->method is set --- */

int plan_estimate(const struct task *task, const struct image *image,
                  const struct standing *standing, struct network *network,
                  const struct sides *sides, struct planned *ret, struct error *err);

/* --- plan_group.c: sets every group and the plan's group_count --- */

int plan_group(struct fleet_plan *plan, struct error *err);

#endif
