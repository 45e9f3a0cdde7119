#include "services/scheduler/parent_client.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/rpc/grpc_status.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"

namespace waybill::scheduler {

using status::v1::ReportStatusRequest;
using status::v1::ReportStatusResponse;

struct ParentClient::Stream {
  explicit Stream(const std::shared_ptr<grpc::Channel>& channel)
      : stub(status::v1::StatusService::NewStub(channel)) {}

  const std::unique_ptr<status::v1::StatusService::Stub> stub;
  grpc::ClientContext context;  // Without a deadline: it rests for days; keep-alive watches it.
  std::unique_ptr<grpc::ClientReaderWriter<ReportStatusRequest, ReportStatusResponse>> call;
};

ParentClient::ParentClient(Connect connect) : connect_(std::move(connect)) {}

ParentClient::~ParentClient() {
  Close();
}

absl::StatusOr<ParentClient::Welcome> ParentClient::Open(const std::string& site_code,
                                                         std::int64_t epoch) {
  Close();
  auto stream = std::make_shared<Stream>(connect_());
  {
    const MutexLock lock(mutex_);
    if (cancelled_) {
      return absl::CancelledError("the Scheduler ends");
    }
    stream_ = stream;
  }
  stream->call = stream->stub->ReportStatus(&stream->context);
  ReportStatusRequest request;
  request.mutable_hello()->set_site_code(site_code);
  request.mutable_hello()->set_epoch(epoch);
  WAYBILL_ASSIGN_OR_RETURN(const ReportStatusResponse response, Exchange(request));
  return Welcome{response.acknowledged_sequence(),
                 {response.ancestor_site_codes().begin(), response.ancestor_site_codes().end()}};
}

absl::StatusOr<std::int64_t> ParentClient::Send(
    const std::vector<status::v1::StatusRecord>& records) {
  ReportStatusRequest request;
  request.mutable_records()->Add(records.begin(), records.end());
  WAYBILL_ASSIGN_OR_RETURN(const ReportStatusResponse response, Exchange(request));
  return response.acknowledged_sequence();
}

absl::StatusOr<ReportStatusResponse> ParentClient::Exchange(const ReportStatusRequest& request) {
  if (stream_ == nullptr) {
    return absl::FailedPreconditionError("the stream to the parent is not open");
  }
  ReportStatusResponse response;
  if (stream_->call->Write(request) && stream_->call->Read(&response)) {
    return response;
  }
  absl::Status status = rpc::FromGrpcStatus(stream_->call->Finish());
  const MutexLock lock(mutex_);
  stream_ = nullptr;
  return status.ok() ? absl::UnavailableError("the parent ended the stream") : status;
}

void ParentClient::Close() {
  std::shared_ptr<Stream> stream;
  {
    const MutexLock lock(mutex_);
    stream = std::exchange(stream_, nullptr);
  }
  if (stream != nullptr && stream->call != nullptr) {
    stream->context.TryCancel();
    stream->call->Finish();
  }
}

void ParentClient::Cancel() {
  const MutexLock lock(mutex_);
  cancelled_ = true;
  if (stream_ != nullptr) {
    stream_->context.TryCancel();
  }
}

}  // namespace waybill::scheduler
