#include "common/rpc/calls_in_progress.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/time.h"

#include "common/rpc/stopwatch.h"
#include "common/thread/mutex.h"

namespace waybill::rpc {
namespace {

// Lives as long as its call.
class CountedCall final : public grpc::experimental::Interceptor {
 public:
  explicit CountedCall(std::shared_ptr<CallsInProgress> calls) : calls_(std::move(calls)) {
    calls_->Begin();
  }
  ~CountedCall() override { calls_->End(); }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    methods->Proceed();
  }

 private:
  const std::shared_ptr<CallsInProgress> calls_;
};

class CallCounter final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit CallCounter(std::shared_ptr<CallsInProgress> calls) : calls_(std::move(calls)) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    if (info->method() == nullptr || absl::StartsWith(info->method(), "/grpc.")) {
      return nullptr;
    }
    return new CountedCall(calls_);
  }

 private:
  const std::shared_ptr<CallsInProgress> calls_;
};

}  // namespace

bool CallsInProgress::CloseAndWait(absl::Duration limit) {
  const Stopwatch stopwatch;
  const MutexLock lock(mutex_);
  closed_ = true;
  while (count_ > 0) {
    const absl::Duration left = limit - stopwatch.Elapsed();
    if (left <= absl::ZeroDuration()) {
      return false;
    }
    changed_.WaitFor(mutex_, left);
  }
  return true;
}

bool CallsInProgress::IsClosed() const {
  const MutexLock lock(mutex_);
  return closed_;
}

void CallsInProgress::Begin() {
  const MutexLock lock(mutex_);
  ++count_;
}

void CallsInProgress::End() {
  const MutexLock lock(mutex_);
  --count_;
  changed_.NotifyAll();
}

std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> CountCalls(
    const std::shared_ptr<CallsInProgress>& calls) {
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
  creators.push_back(std::make_unique<CallCounter>(calls));
  return creators;
}

}  // namespace waybill::rpc
