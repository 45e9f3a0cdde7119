#include "common/rpc/unary_call.h"

#include <latch>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "common/rpc/call_context.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/testing/echo_fixture.h"
#include "common/status/status_matchers.h"
#include "common/thread/bounded_queue.h"

namespace waybill::rpc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using UnaryCallTest = EchoTest;

TEST_F(UnaryCallTest, GivesTheHandlerTheCallersIdentity) {
  BoundedQueue<Identity> seen(1);  // A lock that ThreadSanitizer sees; gRPC's it does not.
  server_.echo = [&](const EchoRequest& request, const CallContext& call) {
    EXPECT_TRUE(seen.TryPush(call.identity()));
    return EchoServer::DefaultEcho(request, call);
  };
  std::string answer;
  EXPECT_TRUE(Echo(*Connect(sender_), "hello", &answer).ok());
  EXPECT_EQ(answer, "hello");
  EXPECT_EQ(seen.Pop(), sender_);
}

TEST_F(UnaryCallTest, GivesACallWithoutADeadlineSixtySeconds) {
  BoundedQueue<absl::Time> seen(1);
  server_.echo = [&](const EchoRequest& request, const CallContext& call) {
    EXPECT_TRUE(seen.TryPush(call.deadline()));
    return EchoServer::DefaultEcho(request, call);
  };
  const auto stub = Connect(sender_);
  grpc::ClientContext context;
  EchoResponse response;
  const absl::Time before = absl::Now();
  ASSERT_TRUE(stub->Echo(&context, EchoRequest(), &response).ok());
  const absl::Time deadline = *seen.Pop();
  EXPECT_GE(deadline, before + kDefaultDeadline);
  EXPECT_LE(deadline, absl::Now() + kDefaultDeadline);
}

TEST_F(UnaryCallTest, RefusesACallWhenTheExecutorIsFull) {
  std::latch running(2);
  std::latch release(1);
  server_.echo = [&](const EchoRequest& request, const CallContext& call) {
    running.count_down();
    release.wait();
    return EchoServer::DefaultEcho(request, call);
  };
  const auto stub = Connect(sender_);
  std::thread first([&] { EXPECT_TRUE(Echo(*stub, "one").ok()); });
  std::thread second([&] { EXPECT_TRUE(Echo(*stub, "two").ok()); });
  running.wait();
  EXPECT_EQ(Echo(*stub, "three").error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  release.count_down();
  first.join();
  second.join();
}

TEST_F(UnaryCallTest, WakesAHandlerWhoseCallerLeaves) {
  std::latch running(1);
  std::latch woken(1);
  server_.echo = [&](const EchoRequest&, const CallContext& call) {
    running.count_down();
    while (!call.WaitForCancel(absl::InfiniteDuration())) {
    }
    woken.count_down();
    return absl::StatusOr<EchoResponse>(call.CancelStatus());
  };
  const auto stub = Connect(sender_);
  const auto context = Call();
  std::thread caller([&] {
    EchoResponse response;
    EXPECT_EQ(stub->Echo(context.get(), EchoRequest(), &response).error_code(),
              grpc::StatusCode::CANCELLED);
  });
  running.wait();
  context->TryCancel();
  woken.wait();
  caller.join();
}

TEST_F(UnaryCallTest, KeepsTheTextOfAnInternalErrorToItself) {
  server_.echo = [](const EchoRequest&, const CallContext&) -> absl::StatusOr<EchoResponse> {
    return absl::InternalError("table job is gone");
  };
  const grpc::Status status = Echo(*Connect(sender_), "hello");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), Not(HasSubstr("table")));
}

TEST_F(UnaryCallTest, TellsTheCallerWhatIsWrongWithItsRequest) {
  server_.echo = [](const EchoRequest&, const CallContext&) -> absl::StatusOr<EchoResponse> {
    return absl::InvalidArgumentError("text must not be empty");
  };
  const absl::Status status = FromGrpcStatus(Echo(*Connect(sender_), "hello"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(status.message(), "text must not be empty");
}

TEST(GrpcStatus, KeepsEveryCodeInBothDirections) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "text");
    EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(status)).code(), status.code());
  }
}

TEST(GrpcStatus, CutsATextThatWouldNotFitAHeader) {
  const grpc::Status status = ToGrpcStatus(absl::AbortedError(std::string(100'000, 'x')));
  EXPECT_EQ(status.error_message().size(), kStatusTextBytesMax);
}

TEST(CallMetrics, FindsTheMethodByItsMessages) {
  EXPECT_EQ((MethodName<EchoRequest, EchoResponse>()), "/waybill.rpc.testing.EchoService/Echo");
  EXPECT_EQ((MethodName<EchoRequest, ChatResponse>()), "/waybill.rpc.testing.EchoRequest");
}

}  // namespace
}  // namespace waybill::rpc::testing
