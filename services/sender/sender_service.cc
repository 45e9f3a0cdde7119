#include "services/sender/sender_service.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "common/model/ids.h"
#include "common/model/proto_time.h"
#include "common/rpc/call_context.h"
#include "common/rpc/unary_call.h"
#include "common/status/status_macros.h"
#include "services/sender/send_store.h"

#include "waybill/sender/v1/sender_service.pb.h"

namespace waybill::sender {
namespace {

constexpr int kPageSizeDefault = 100;
constexpr int kPageSizeMax = 1000;

absl::StatusOr<std::array<std::int64_t, 3>> ParsePageToken(const std::string& token) {
  std::array<std::int64_t, 3> place{};
  const std::vector<std::string> parts = absl::StrSplit(token, '.');
  bool good = parts.size() == place.size();
  for (std::size_t i = 0; good && i < place.size(); ++i) {
    good = absl::SimpleAtoi(parts[i], &place[i]);
  }
  if (good) return place;
  return absl::InvalidArgumentError("page_token is not one of an earlier answer");
}

absl::StatusOr<SendStore::ListFilter> ToFilter(const v1::ListSendRequestsRequest& request) {
  SendStore::ListFilter filter;
  if (request.page_size() < 0 || request.page_size() > kPageSizeMax) {
    return absl::InvalidArgumentError("page_size must be 1 to 1,000");
  }
  filter.count_max = request.page_size() == 0 ? kPageSizeDefault : request.page_size();
  if (!request.site_code().empty()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckSiteCode("site_code", request.site_code()));
  }
  filter.site_code = request.site_code();
  filter.include_ended = request.include_ended();
  if (!request.page_token().empty()) {
    WAYBILL_ASSIGN_OR_RETURN(filter.after, ParsePageToken(request.page_token()));
  }
  return filter;
}

v1::SendRequest ToProto(const SendRequestRow& row) {
  v1::SendRequest proto;
  proto.set_send_request_id(row.send_request_id);
  proto.set_job_id(row.job_id);
  proto.set_site_code(row.site_code);
  proto.set_package_id(row.package_id);
  proto.set_version(row.version);
  proto.set_revision(row.revision);
  proto.set_priority(row.priority);
  proto.set_state(row.state);
  proto.set_reason(row.reason);
  proto.set_attempt_count(row.attempt_count);
  proto.set_bytes_total(row.bytes_total);
  proto.set_bytes_sent(row.bytes_sent);
  *proto.mutable_create_time() = model::ToProto(row.create_time);
  if (row.finish_time.has_value()) {
    *proto.mutable_finish_time() = model::ToProto(*row.finish_time);
  } else if (row.state != job::v1::SEND_STATE_SENDING) {
    *proto.mutable_next_time() = model::ToProto(row.next_time);
  }
  return proto;
}

}  // namespace

absl::StatusOr<v1::ListSendRequestsResponse> SenderService::List(
    const v1::ListSendRequestsRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_ASSIGN_OR_RETURN(SendStore::ListFilter filter, ToFilter(request));
  const auto page_size = static_cast<std::size_t>(filter.count_max);
  ++filter.count_max;  // One more tells whether there is a next page.
  WAYBILL_ASSIGN_OR_RETURN(std::vector<SendRequestRow> rows, store_.List(filter));
  v1::ListSendRequestsResponse response;
  if (rows.size() > page_size) {
    rows.resize(page_size);
    response.set_next_page_token(absl::StrJoin(rows.back().place, "."));
  }
  for (const SendRequestRow& row : rows) {
    *response.add_send_requests() = ToProto(row);
  }
  return response;
}

grpc::ServerUnaryReactor* SenderService::ListSendRequests(
    grpc::CallbackServerContext* context, const v1::ListSendRequestsRequest* request,
    v1::ListSendRequestsResponse* response) {
  return rpc::HandleUnary(calls_, *context, *request, *response,
                          std::bind_front(&SenderService::List, this));
}

}  // namespace waybill::sender
