/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch: writes what happens to live layers into the journal, with fields, and starts a unit when
 * there is damage. dm-verity reports its bad blocks by itself; the counters of dm-integrity have to
 * be looked at.
 */

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "dm.h"
#include "interrupt.h"
#include "journal.h"
#include "parse.h"
#include "program.h"
#include "uevent.h"
#include "verbs.h"
#include "watch-state.h"

#define INTERVAL_DFLT_USEC UINT64_C(10000000)
#define INTERVAL_MIN_USEC  UINT64_C(100000)
#define SYSTEMCTL	   "/usr/bin/systemctl"

/* One MESSAGE_ID a kind; dmstack(8) lists them. */
static const char *const message_ids[_WATCH_KIND_MAX] = {
	[WATCH_MISMATCH] = "2e193c3d2c4e4f318cc104c9dea6c7dd",
	[WATCH_CORRUPTED] = "c2e427c49a014d02a814b1527666faaf",
	[WATCH_CORRECTED] = "13655a5ae6ea47b0b0c1802d48521ff9",
	[WATCH_RECALCULATED] = "bcdfd47927994dac8a119ebf7313b06c",
	[WATCH_GONE] = "396d611cd0ee493d804032f320b94d6e",
};

struct watch_opts {
	const char *interval;
	bool once;
};

static const struct option_def options[] = {
	{ "interval", 0, OPTION_STRING, offsetof(struct watch_opts, interval), "TIME",
		"how often to look at counters (default 10s)" },
	{ "once", 0, OPTION_FLAG, offsetof(struct watch_opts, once), NULL,
		"look once, report what there is, and end" },
};

struct watched {
	char *name; /* owned */
	dev_t device;
	char target[32];
	struct live_status status;
	bool seen; /* in this round */
};

struct watch {
	struct stack stack;
	const char *only;      /* the one layer to watch; NULL: all of ours */
	struct watched *items; /* owned */
	size_t n;
	size_t n_damages;
	int uevent_fd;
};

static void watch_done(struct watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		free(watch->items[i].name);
	free(watch->items);
	cleanup_close(&watch->uevent_fd);
	stack_done(&watch->stack);
}

/* A unit that cannot be started must not end the watch. */
static void start_unit(const struct layer *layer)
{
	const char *const argv[] = { "systemctl", "start", "--no-block", "--",
		layer->common.damage_unit, NULL };
	int r = program_run(SYSTEMCTL, argv);

	if (r != 0)
		log_warning("%s: cannot start %s", layer->name, layer->common.damage_unit);
}

static void report(struct watch *watch, const struct watched *item, const struct watch_event *event,
	const struct uevent *bad)
{
	const struct layer *layer = stack_find(&watch->stack, item->name);
	bool is_damage = watch_kind_is_damage(event->kind);
	_cleanup_(buf_done) struct buf entry = {}, text = {};
	char what[160];

	watch_event_describe(event, what, sizeof(what));
	buf_printf(&text, "%s (%s): %s", item->name, item->target, what);
	if (bad)
		buf_printf(&text, ": block %llu of the %s", (unsigned long long)bad->block,
			bad->is_tree ? "tree" : "data");
	journal_field(&entry, "MESSAGE", buf_str(&text));
	journal_field(&entry, "MESSAGE_ID", message_ids[event->kind]);
	journal_field_u64(&entry, "PRIORITY", is_damage ? LOG_LEVEL_ERR : LOG_LEVEL_INFO);
	journal_field(&entry, "SYSLOG_IDENTIFIER", "dmstack");
	journal_field(&entry, "DMSTACK_LAYER", item->name);
	journal_field(&entry, "DMSTACK_TARGET", item->target);
	journal_field(&entry, "DMSTACK_EVENT", watch_kind_word(event->kind));
	if (event->count > 0)
		journal_field_u64(&entry, "DMSTACK_COUNT", event->count);
	if (bad) {
		journal_field_u64(&entry, "DMSTACK_BLOCK", bad->block);
		journal_field(&entry, "DMSTACK_AREA", bad->is_tree ? "tree" : "data");
	}
	if (journal_send(&entry) < 0)
		log_full(is_damage ? LOG_LEVEL_ERR : LOG_LEVEL_INFO, "%s", buf_str(&text));
	if (!is_damage)
		return;
	watch->n_damages++;
	if (layer && layer->common.damage_unit)
		start_unit(layer);
}

static struct watched *watch_find(struct watch *watch, const char *name)
{
	for (size_t i = 0; i < watch->n; i++)
		if (streq(watch->items[i].name, name))
			return &watch->items[i];
	return NULL;
}

static int watch_add(struct watch *watch, const char *name, struct watched **ret)
{
	struct watched *items = reallocarray(watch->items, watch->n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	watch->items = items;
	items[watch->n] = (struct watched){ .name = strdup(name) };
	if (!items[watch->n].name)
		return -ENOMEM;
	*ret = &items[watch->n++];
	return 0;
}

/* A mapping that goes away meanwhile is found missing by the caller. */
static int look_at(struct watch *watch, const struct mapping_info *info)
{
	_cleanup_(mapping_line_done) struct mapping_line line = {};
	struct watched *item = watch_find(watch, info->name);
	struct watch_event events[WATCH_EVENTS_MAX];
	struct live_status status;
	size_t n;
	int r;

	if (!info->live || (watch->only && !streq(watch->only, info->name)) ||
		mapping_status(info->name, &line, NULL) < 0)
		return 0;
	if (!item) {
		r = watch_add(watch, info->name, &item);
		if (r < 0)
			return r;
	}
	/* Another mapping of the name begins to count anew. */
	if (item->device != info->device)
		item->status = (struct live_status){};
	item->device = info->device;
	item->seen = true;
	(void)snprintf(item->target, sizeof(item->target), "%s", line.target);
	live_status_parse(line.target, (char *)secret_bytes(line.params), &status);
	n = watch_compare(&item->status, &status, events);
	item->status = status;
	for (size_t i = 0; i < n; i++)
		report(watch, item, &events[i], NULL);
	return 0;
}

static int look_at_all(struct watch *watch, struct diag *diag)
{
	_cleanup_(mapping_list_done) struct mapping_list list = {};
	int r;

	r = mapping_list_get(&list, diag);
	for (size_t i = 0; i < watch->n; i++)
		watch->items[i].seen = false;
	for (size_t i = 0; r >= 0 && i < list.n; i++)
		r = look_at(watch, &list.items[i]);
	if (r < 0)
		return r;
	for (size_t i = watch->n; i-- > 0;) {
		struct watched *item = &watch->items[i];

		if (item->seen)
			continue;
		report(watch, item, &(struct watch_event){ .kind = WATCH_GONE }, NULL);
		free(item->name);
		*item = watch->items[--watch->n];
	}
	return 0;
}

/* The kernel names each bad block once for each read, so that every one is news. */
static void take_uevents(struct watch *watch)
{
	struct uevent bad;
	int r;

	do {
		r = uevent_receive(watch->uevent_fd, &bad);
		for (size_t i = 0; r > 0 && i < watch->n; i++) {
			struct watched *item = &watch->items[i];

			if (item->device != bad.device)
				continue;
			item->status.corrupted = true;
			report(watch, item, &(struct watch_event){ .kind = WATCH_CORRUPTED }, &bad);
		}
	} while (r >= 0 || r == -EINTR || r == -ENOBUFS);
}

static uint64_t now_usec(void)
{
	struct timespec now = {};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Looks at the counters every so often, however many events come between. */
static int watch_loop(struct watch *watch, uint64_t interval_usec, struct diag *diag)
{
	uint64_t next = 0;
	int r = 0;

	while (r >= 0 && !interrupted) {
		struct pollfd fd = { .fd = watch->uevent_fd, .events = POLLIN };
		uint64_t now = now_usec();

		if (now >= next) {
			/* An event says more than the state that comes with it. */
			take_uevents(watch);
			r = look_at_all(watch, diag);
			next = now + interval_usec;
			continue;
		}

		const struct timespec left = {
			.tv_sec = (time_t)((next - now) / 1000000),
			.tv_nsec = (long)((next - now) % 1000000 * 1000),
		};

		if (ppoll(&fd, 1, &left, NULL) > 0)
			take_uevents(watch);
	}
	return r;
}

static int watch_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct watch_opts *o = opts;
	_cleanup_(watch_done) struct watch watch = { .uevent_fd = -EBADF, .only = args[0] };
	uint64_t interval = INTERVAL_DFLT_USEC;
	size_t errors;
	int r;

	if (o->interval && (parse_usec(o->interval, &interval) < 0 ||
				   interval < INTERVAL_MIN_USEC || interval == UINT64_MAX))
		return usage_error(
			diag, "--interval: \"%s\" is not a time from 100 ms on", o->interval);
	interrupt_setup();
	r = config_load(NULL, LOG_LEVEL_WARNING, &watch.stack, &errors);
	if (r < 0)
		return r;
	if (o->once) {
		r = look_at_all(&watch, diag);
		return r < 0 ? r : watch.n_damages > 0 ? EXIT_FAILED : EXIT_DONE;
	}
	watch.uevent_fd = uevent_open();
	if (watch.uevent_fd < 0)
		return diag_set(diag, watch.uevent_fd, "cannot listen to the kernel's events: %s",
			strerror(-watch.uevent_fd));
	return watch_loop(&watch, interval, diag);
}

const struct verb verb_watch = {
	.name = "watch",
	.args = "[NAME]",
	.summary = "Write damage that live layers find into the journal",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct watch_opts),
	.n_optional = 1,
	.run = watch_run,
};
