#ifndef WAYBILL_SERVICES_SCHEDULER_JOB_SERVICE_H_
#define WAYBILL_SERVICES_SCHEDULER_JOB_SERVICE_H_

#include <functional>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/rpc/call_context.h"
#include "common/rpc/stream.h"
#include "common/thread/executor.h"
#include "services/scheduler/job_store.h"

#include "waybill/job/v1/job_service.grpc.pb.h"

namespace waybill::scheduler {

/// Serves waybill.job.v1.JobService to administrators; what each rpc promises is said in its proto.
/// Thread-safe.
class JobService final : public job::v1::JobService::CallbackService {
 public:
  /// All borrowed.
  struct Dependencies {
    JobStore& store;
    Executor& calls;
    Executor& streams;

    /// Wakes the loops that listen on a channel of common/model/channels.h; does not block.
    std::function<void(absl::string_view channel)> notify;

    /// How long a watch waits between two looks; longer when a look itself takes long.
    absl::Duration watch_interval = absl::Milliseconds(500);
  };

  explicit JobService(Dependencies deps) : deps_(std::move(deps)) {}

  grpc::ServerUnaryReactor* SubmitJob(grpc::CallbackServerContext* context,
                                      const job::v1::SubmitJobRequest* request,
                                      job::v1::SubmitJobResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const job::v1::GetJobRequest* request,
                                   job::v1::GetJobResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const job::v1::ListJobsRequest* request,
                                     job::v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* ListJobTargets(grpc::CallbackServerContext* context,
                                           const job::v1::ListJobTargetsRequest* request,
                                           job::v1::ListJobTargetsResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const job::v1::CancelJobRequest* request,
                                      job::v1::CancelJobResponse* response) override;
  grpc::ServerWriteReactor<job::v1::WatchJobResponse>* WatchJob(
      grpc::CallbackServerContext* context, const job::v1::WatchJobRequest* request) override;

 private:
  absl::StatusOr<job::v1::SubmitJobResponse> Submit(const job::v1::SubmitJobRequest& request,
                                                    const rpc::CallContext& call);
  absl::StatusOr<job::v1::GetJobResponse> Get(const job::v1::GetJobRequest& request,
                                              const rpc::CallContext& call);
  absl::StatusOr<job::v1::ListJobsResponse> List(const job::v1::ListJobsRequest& request,
                                                 const rpc::CallContext& call);
  absl::StatusOr<job::v1::ListJobTargetsResponse> ListTargets(
      const job::v1::ListJobTargetsRequest& request, const rpc::CallContext& call);
  absl::StatusOr<job::v1::CancelJobResponse> Cancel(const job::v1::CancelJobRequest& request,
                                                    const rpc::CallContext& call);
  absl::Status Watch(const job::v1::WatchJobRequest& request, const rpc::CallContext& call,
                     rpc::Sink<job::v1::WatchJobResponse>& sink);

  const Dependencies deps_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_JOB_SERVICE_H_
