#include "services/scheduler/status_service.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/logging/log.h"
#include "common/metrics/metrics.h"
#include "common/model/channels.h"
#include "common/model/status_record.h"
#include "common/rpc/call_context.h"
#include "common/rpc/stream.h"
#include "common/rpc/stream_calls.h"
#include "common/status/status_macros.h"
#include "services/scheduler/status_store.h"

#include "waybill/status/v1/status_service.pb.h"

namespace waybill::scheduler {
namespace {

using status::v1::ReportStatusRequest;
using status::v1::ReportStatusResponse;

constexpr int kRecordsMax = 1000;

prometheus::Counter& AppliedRecords(const std::string& site_code) {
  static metrics::CounterFamily& family = *new metrics::CounterFamily(
      "waybill_scheduler_status_records_total", "Status records applied, by child.", {"site_code"});
  return family.With({site_code});
}

// One line a batch, however many there are: a child that goes on so fills no disk.
void ReportPassedOver(const std::string& site_code,
                      const std::vector<model::PassedOver>& passed_over) {
  static metrics::CounterFamily& family = *new metrics::CounterFamily(
      "waybill_scheduler_status_records_passed_over_total",
      "Status records about sites that are not the child's to tell of, by child.", {"site_code"});
  if (passed_over.empty()) {
    return;
  }
  family.With({site_code}).Increment(static_cast<double>(passed_over.size()));
  log::Warning("passed over status records",
               {{"child_site_code", site_code},
                {"records", static_cast<std::int64_t>(passed_over.size())},
                {"about_site_code", passed_over.front().site_code},
                {"reason", passed_over.front().why}});
}

absl::Status CheckHello(const rpc::Identity& caller, const ReportStatusRequest& request) {
  if (!request.has_hello() || !request.records().empty()) {
    return absl::InvalidArgumentError("hello: the first message has one and nothing else");
  }
  const status::v1::Hello& hello = request.hello();
  if (caller.site_code != hello.site_code()) {
    return absl::PermissionDeniedError(absl::StrCat("hello.site_code: the certificate is of site ",
                                                    caller.site_code, ", not of this one"));
  }
  if (hello.epoch() <= 0) {
    return absl::InvalidArgumentError("hello.epoch: expected a positive number");
  }
  return absl::OkStatus();
}

absl::Status CheckBatch(const ReportStatusRequest& request) {
  if (request.has_hello() || request.records().empty()) {
    return absl::InvalidArgumentError("hello: only the first message has one, all others records");
  }
  if (request.records_size() > kRecordsMax) {
    return absl::InvalidArgumentError(absl::StrCat("records: more than ", kRecordsMax));
  }
  for (const status::v1::StatusRecord& record : request.records()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckRecord(record));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status StatusService::Report(const rpc::CallContext& call,
                                   rpc::Source<ReportStatusRequest>& source,
                                   rpc::Sink<ReportStatusResponse>& sink) {
  ReportStatusRequest request;
  WAYBILL_ASSIGN_OR_RETURN(const bool greeted, source.Read(request, absl::Seconds(30)));
  if (!greeted) {
    return absl::OkStatus();
  }
  WAYBILL_RETURN_IF_ERROR(CheckHello(call.identity(), request));
  const std::string site_code = request.hello().site_code();
  const std::int64_t epoch = request.hello().epoch();
  ReportStatusResponse response;
  WAYBILL_ASSIGN_OR_RETURN(const std::int64_t known, deps_.store.OpenInbox(site_code, epoch));
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<std::string> line, deps_.store.ListLine());
  response.set_acknowledged_sequence(known);
  response.mutable_ancestor_site_codes()->Add(line.begin(), line.end());
  log::Info("child reports", {{"child_site_code", site_code}, {"sequence", known}});
  while (sink.Write(response)) {
    WAYBILL_ASSIGN_OR_RETURN(const bool more, source.Read(request));
    if (!more) {
      break;
    }
    WAYBILL_RETURN_IF_ERROR(CheckBatch(request));
    WAYBILL_ASSIGN_OR_RETURN(
        const StatusStore::Applied applied,
        deps_.store.Apply(site_code, epoch, {request.records().begin(), request.records().end()}));
    AppliedRecords(site_code).Increment(request.records_size());
    ReportPassedOver(site_code, applied.passed_over);
    deps_.notify(model::kJobChannel);
    deps_.notify(model::kOutboxChannel);
    response.Clear();
    response.set_acknowledged_sequence(applied.sequence);
  }
  return absl::OkStatus();
}

grpc::ServerBidiReactor<ReportStatusRequest, ReportStatusResponse>* StatusService::ReportStatus(
    grpc::CallbackServerContext* context) {
  // A child may have nothing to say for days; keep-alive finds lines that are dead.
  return rpc::HandleBidi<ReportStatusRequest, ReportStatusResponse>(
      deps_.streams, *context, std::bind_front(&StatusService::Report, this),
      {.read_max = absl::InfiniteDuration()});
}

}  // namespace waybill::scheduler
