#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/model/states.h"
#include "common/status/status_macros.h"
#include "services/cli/commands.h"
#include "services/cli/format.h"
#include "services/cli/session.h"
#include "services/cli/table.h"

#include "waybill/sender/v1/sender_service.grpc.pb.h"

namespace waybill::cli {
namespace {

struct Filter {
  std::string site_code;
  bool all = false;
};

absl::StatusOr<ExitCode> List(Session& session, const Filter& filter) {
  WAYBILL_ASSIGN_OR_RETURN(const auto channel, session.Sender());
  const auto stub = sender::v1::SenderService::NewStub(channel);
  sender::v1::ListSendRequestsRequest request;
  request.set_site_code(filter.site_code);
  request.set_include_ended(filter.all);
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           ListAll<sender::v1::ListSendRequestsResponse>(
                               request, [&](auto* context, const auto& page, auto* answer) {
                                 return stub->ListSendRequests(context, page, answer);
                               }));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table({"ID>", "JOB", "TO", "PACKAGE", "VERSION", "PRIORITY", "STATE", "SENT", "TRIES>",
               "NEXT ATTEMPT", "REASON"});
  for (const auto& send : response.send_requests()) {
    table.Add({absl::StrCat(send.send_request_id()), send.job_id(), send.site_code(),
               send.package_id(),
               send.version().empty() ? "(instruction)" : ShortVersion(send.version()),
               model::ToString(send.priority()), model::ToString(send.state()),
               BytesOf(send.bytes_sent(), send.bytes_total()), absl::StrCat(send.attempt_count()),
               When(send.has_next_time(), send.next_time()), send.reason()});
  }
  std::cout << table.ToString();
  return kOk;
}

}  // namespace

void AddSendCommands(CLI::App& app, Session& session) {
  CLI::App* send = AddNoun(app, "send", "the queue of what a site sends to its neighbours");
  CLI::App* verb =
      AddVerb(*send, "list", "send requests, those under way first", "waybill send list --all");
  const auto filter = std::make_shared<Filter>();
  verb->add_option("--to", filter->site_code, "only those to this neighbour");
  verb->add_flag("--all", filter->all, "also those that have ended");
  verb->callback([&session, filter] {
    session.SetWork([&session, filter] { return List(session, *filter); });
  });
}

}  // namespace waybill::cli
