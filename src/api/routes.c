/* The route table: every row has its section in docs/api.md. */
#include "api/api_internal.h"

#define V1 "/api/v1"

const struct route api_routes[] = {
    {HTTP_GET, V1 "/health", handle_health, "is it songbookd, which version"},
    {HTTP_GET, V1 "/progress", handle_progress, "the worker, the queue, the library and the providers at a glance"},
    {HTTP_POST, V1 "/worker/start", handle_worker_start, "start the worker"},
    {HTTP_POST, V1 "/worker/pause", handle_worker_pause, "pause the worker"},
    {HTTP_POST, V1 "/worker/resume", handle_worker_resume, "resume the paused worker"},
    {HTTP_POST, V1 "/worker/stop", handle_worker_stop, "stop the worker"},
    {HTTP_POST, V1 "/queue", handle_queue, "queue songs for enrichment"},
    {HTTP_GET, V1 "/songs", handle_songs, "list and search songs"},
    {HTTP_GET, V1 "/songs/:id", handle_song, "one song"},
    {HTTP_PATCH, V1 "/songs/:id", handle_song_edit, "edit, verify, lock and unlock"},
    {HTTP_GET, V1 "/songs/:id/suggestions", handle_suggestions, "stored candidates of a song"},
    {HTTP_POST, V1 "/songs/:id/suggestions", handle_suggestions_ask, "ask the providers about a song now"},
    {HTTP_POST, V1 "/songs/:id/accept", handle_accept, "take a candidate"},
    {HTTP_POST, V1 "/songs/:id/reject", handle_reject, "refuse a candidate for ever"},
    {HTTP_POST, V1 "/songs/:id/requeue", handle_requeue, "ask the providers about a song anew"},
    {HTTP_GET, V1 "/songs/:id/explain", handle_explain, "why a song has its values"},
    {HTTP_POST, V1 "/parse", handle_parse, "read artist and title from file names"},
    {HTTP_POST, V1 "/scan", handle_scan_start, "scan the library now"},
    {HTTP_GET, V1 "/scan", handle_scan, "the running or last scan"},
    {HTTP_GET, V1 "/changes", handle_changes, "the change log"},
    {HTTP_POST, V1 "/undo", handle_undo, "take a batch of changes back"},
    {HTTP_POST, V1 "/forget", handle_forget, "delete absent songs"},
    {HTTP_GET, V1 "/settings", handle_settings, "every option with its value and origin"},
    {HTTP_PATCH, V1 "/settings", handle_settings_edit, "change options while running"},
    {HTTP_POST, V1 "/settings/test", handle_settings_test, "one test request to a provider"},
    {HTTP_GET, V1 "/providers", handle_providers, "the providers and their state"},
    {HTTP_GET, V1 "/events", handle_events, "what happens, as JSON lines or server-sent events"},
    {HTTP_GET, "/healthz", handle_healthz, "alive"},
    {HTTP_GET, "/", handle_index, "the dashboard"},
    {HTTP_GET, "/web/:name", handle_web_file, "a file of the dashboard"},
    {HTTP_GET, "/web/lang/:name", handle_web_text, "its texts in one language"},
    {0, NULL, NULL, NULL},
};
