/* GET /openapi.json: the description of this API, src/api/openapi.json as it was at the build. Loop thread only. */
#include "api/api_internal.h"
#include "api/openapi_text.h"

void handle_openapi(struct request *r, void *app)
{
    (void)app;
    if (!input_no_query(r))
        return;
    request_set_header(r, "Cache-Control", "no-cache");
    request_reply(r, 200, "application/json", (struct slice){openapi_text, openapi_text_size});
}
