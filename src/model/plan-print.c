/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans as text, one line a step.
 */

#include <errno.h>

#include "cleanup.h"
#include "plan.h"

static const char *const step_words[_STEP_KIND_MAX] = {
	[STEP_WAIT] = "wait",
	[STEP_PROBE] = "probe",
	[STEP_KEY] = "key",
	[STEP_TABLE] = "table",
	[STEP_UNKEY] = "unkey",
};

static void print_wait(const struct step *step, struct buf *buf)
{
	const struct layer_device *dev = &step->layer->devices[step->device];

	buf_printf(buf, " %s=", step->layer->type->roles[dev->role].name);
	devref_print(&dev->ref, buf);
}

static void print_probe(const struct step *step, struct buf *buf)
{
	struct superblock_place place = {};

	if (step->layer->type->superblock(step->layer, &place) < 0)
		return;
	buf_printf(buf, " %s superblock at byte %llu of %s", step->layer->type->name,
		(unsigned long long)place.offset, step->layer->type->roles[place.role].name);
}

static void print_key(const struct step *step, struct buf *buf)
{
	if (step->kind == STEP_KEY) {
		buf_puts(buf, " from=");
		keyref_print(step->key, buf);
		if (step->key_size)
			buf_printf(buf, " bytes=%zu", step->key_size);
	}
	buf_printf(buf, " keyring=%s", step->key_description);
}

static void print_table(const struct step *step, struct buf *buf)
{
	_cleanup_(dmtable_done) struct dmtable t = {};

	if (layer_table(step->layer, step->layer->common.device_size / SECTOR_SIZE, &t) < 0) {
		buf->error = -ENOMEM;
		return;
	}
	buf_puts(buf, t.read_only ? " ro " : " rw ");
	dmtable_print(&t, buf);
}

void plan_print(const struct plan *plan, struct buf *buf)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *step = &plan->steps[i];

		buf_printf(buf, "%3zu %-6s %s", i + 1, step_words[step->kind], step->layer->name);
		if (step->kind == STEP_WAIT)
			print_wait(step, buf);
		else if (step->kind == STEP_PROBE)
			print_probe(step, buf);
		else if (step->kind == STEP_KEY || step->kind == STEP_UNKEY)
			print_key(step, buf);
		else if (step->kind == STEP_TABLE)
			print_table(step, buf);
		buf_putc(buf, '\n');
	}
}
