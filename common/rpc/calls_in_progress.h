#ifndef WAYBILL_COMMON_RPC_CALLS_IN_PROGRESS_H_
#define WAYBILL_COMMON_RPC_CALLS_IN_PROGRESS_H_

#include <memory>
#include <vector>

#include <grpcpp/support/server_interceptor.h>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "common/thread/mutex.h"

namespace waybill::rpc {

/// Counts the calls of one listener, from their start until gRPC has let go of them: then the
/// answer is on its way. Without health and reflection, which a watcher may keep open for days.
/// Thread-safe.
class CallsInProgress {
 public:
  /// From now on no call is begun. Returns true once none is in progress; false if that takes
  /// longer than `limit`.
  bool CloseAndWait(absl::Duration limit);

  bool IsClosed() const;

  void Begin();
  void End();

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

/// For grpc::ServerBuilder: what tells `calls` of each call.
std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> CountCalls(
    const std::shared_ptr<CallsInProgress>& calls);

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_CALLS_IN_PROGRESS_H_
