#include "common/rpc/stream_calls.h"

#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/rpc/stream.h"
#include "common/rpc/testing/echo_fixture.h"
#include "common/status/status_macros.h"

namespace waybill::rpc::testing {
namespace {

class StreamCallsTest : public EchoTest {
 protected:
  static ChatRequest Say(const std::string& text) {
    ChatRequest request;
    request.set_text(text);
    return request;
  }
};

TEST_F(StreamCallsTest, SendsAllMessagesInOrder) {
  const auto stub = Connect(sender_);
  const auto context = Call();
  CountRequest request;
  request.set_count(1000);
  const auto reader = stub->Count(context.get(), request);
  CountResponse response;
  std::int64_t expected = 0;
  while (reader->Read(&response)) {
    EXPECT_EQ(response.number(), ++expected);
  }
  EXPECT_EQ(expected, 1000);
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(StreamCallsTest, ReadsAllMessagesAndAnswersOnce) {
  const auto stub = Connect(sender_);
  const auto context = Call();
  SumResponse response;
  const auto writer = stub->Sum(context.get(), &response);
  for (int number = 1; number <= 1000; ++number) {
    SumRequest request;
    request.set_number(number);
    ASSERT_TRUE(writer->Write(request));
  }
  writer->WritesDone();
  EXPECT_TRUE(writer->Finish().ok());
  EXPECT_EQ(response.total(), 500'500);
}

TEST_F(StreamCallsTest, AnswersBeforeTheCallerHasSaidAll) {
  const auto stub = Connect(sender_);
  const auto context = Call();
  const auto stream = stub->Chat(context.get());
  ChatResponse response;
  for (const std::string text : {"one", "two", "three"}) {
    ASSERT_TRUE(stream->Write(Say(text)));
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.text(), text);
  }
  stream->WritesDone();
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.text(), "end");
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(StreamCallsTest, EndsAStreamWhileTheCallerStillTalks) {
  server_.chat = [](const CallContext&, Source<ChatRequest>& source, Sink<ChatResponse>&) {
    ChatRequest request;
    WAYBILL_RETURN_IF_ERROR(source.Read(request).status());
    return absl::FailedPreconditionError("stale fence");
  };
  const auto stub = Connect(sender_);
  const auto context = Call();
  const auto stream = stub->Chat(context.get());
  ASSERT_TRUE(stream->Write(Say("open")));
  ChatResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(StreamCallsTest, ReadsOnOneThreadAndWritesOnAnother) {
  server_.chat = [](const CallContext&, Source<ChatRequest>& source, Sink<ChatResponse>& sink) {
    std::thread writer([&] {
      for (int i = 0; i < 500; ++i) {
        EXPECT_TRUE(sink.Write(ChatResponse()));
      }
    });
    ChatRequest request;
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) {
      more = source.Read(request);
    }
    writer.join();
    return more.status();
  };
  const auto stub = Connect(sender_);
  const auto context = Call();
  const auto stream = stub->Chat(context.get());
  std::thread talker([&] {
    for (int i = 0; i < 500; ++i) {
      EXPECT_TRUE(stream->Write(Say("x")));
    }
    stream->WritesDone();
  });
  ChatResponse response;
  int read = 0;
  while (stream->Read(&response)) {
    ++read;
  }
  talker.join();
  EXPECT_EQ(read, 500);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(StreamCallsTest, RefusesOneStreamTooManyAndGoesOnAnsweringCalls) {
  const auto stub = Connect(sender_);
  const auto first = Call();
  const auto second = Call();
  const auto third = Call();
  const auto one = stub->Chat(first.get());
  const auto two = stub->Chat(second.get());
  ChatResponse response;
  ASSERT_TRUE(one->Write(Say("x")) && one->Read(&response));
  ASSERT_TRUE(two->Write(Say("x")) && two->Read(&response));
  EXPECT_EQ(stub->Chat(third.get())->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Echo(*stub, "hello").ok());
  first->TryCancel();
  second->TryCancel();
  EXPECT_EQ(one->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(two->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(StreamCallsTest, EndsAStreamOnWhichNothingArrives) {
  server_.limits.read_max = absl::Milliseconds(20);
  const auto stub = Connect(sender_);
  const auto context = Call();
  const auto stream = stub->Chat(context.get());
  ChatResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(StreamCallsTest, LetsAHandlerReadOnAfterALimitOfItsOwn) {
  server_.chat = [](const CallContext& call, Source<ChatRequest>& source,
                    Sink<ChatResponse>& sink) {
    ChatRequest request;
    EXPECT_TRUE(absl::IsDeadlineExceeded(source.Read(request, absl::Milliseconds(1)).status()));
    EXPECT_TRUE(sink.Write(ChatResponse()));  // Only now does the client speak.
    return EchoServer::DefaultChat(call, source, sink);
  };
  const auto stub = Connect(sender_);
  const auto context = Call();
  const auto stream = stub->Chat(context.get());
  ChatResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_TRUE(stream->Write(Say("late")));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.text(), "late");
  stream->WritesDone();
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(StreamCallsTest, SlowsAndThenEndsAHandlerWhoseCallerDoesNotRead) {
  std::atomic<std::int64_t> written = 0;
  std::latch ended(1);
  server_.limits.write_max = absl::Milliseconds(50);
  server_.count = [&](const CountRequest& request, const CallContext&, Sink<CountResponse>& sink) {
    CountResponse message;
    message.set_padding(std::string(static_cast<std::size_t>(request.padding_bytes()), 'x'));
    while (sink.Write(message)) {
      ++written;
    }
    ended.count_down();
    return absl::CancelledError("the reader has left");
  };
  const auto stub = Connect(sender_);
  const auto context = Call();
  CountRequest request;
  request.set_padding_bytes(1 << 20);
  const auto reader = stub->Count(context.get(), request);
  ended.wait();            // Would never come if Write did not block, or blocked for ever.
  EXPECT_LT(written, 64);  // What the windows of HTTP/2 and the sockets hold, and not more.
  CountResponse response;
  while (reader->Read(&response)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
}

TEST_F(StreamCallsTest, TellsAHandlerThatItsCallerIsGone) {
  std::latch reading(1);
  std::latch ended(1);
  absl::Status seen;
  server_.sum = [&](const CallContext& call, Source<SumRequest>& source) {
    reading.count_down();
    SumRequest request;
    const absl::StatusOr<bool> more = source.Read(request);
    while (!call.WaitForCancel(absl::InfiniteDuration())) {
    }
    seen = call.CancelStatus();
    ended.count_down();
    return absl::StatusOr<SumResponse>(seen);
  };
  const auto stub = Connect(sender_);
  const auto context = Call();
  SumResponse response;
  const auto writer = stub->Sum(context.get(), &response);
  reading.wait();
  context->TryCancel();
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  ended.wait();
  EXPECT_TRUE(absl::IsCancelled(seen));
}

}  // namespace
}  // namespace waybill::rpc::testing
