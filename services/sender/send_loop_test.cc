#include "services/sender/send_loop.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/clock/fake_clock.h"
#include "common/status/status_matchers.h"
#include "common/thread/mutex.h"
#include "services/sender/send_store.h"
#include "services/sender/test_queue.h"
#include "services/sender/transfer_client.h"

namespace waybill::sender {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Answers as the test says; by default waits until it is told to stop, as a blocked stream does.
class FakeClient final : public TransferClient {
 public:
  using Answer = std::function<SendResult(const SendOrder&, InstructionSource&, SendControl&)>;
  Answer answer = [](const SendOrder&, InstructionSource&, SendControl& control) {
    Mutex mutex;
    CondVar changed;
    bool broken_off = false;
    control.SetBreakOff([&] {
      const MutexLock lock(mutex);
      broken_off = true;
      changed.NotifyAll();
    });
    {
      const MutexLock lock(mutex);
      while (!broken_off) changed.Wait(mutex);
    }
    control.SetBreakOff(nullptr);
    return SendResult{.kind = SendResult::Kind::kStopped};
  };

  SendResult Send(const SendOrder& order, InstructionSource& instruction,
                  SendControl& control) override {
    return answer(order, instruction, control);
  }
};

class SendLoopTest : public testing::Test {
 protected:
  SendLoopTest() {
    queue_.AddJob("CEN00001");
    queue_.AddRequest("CEN00001", "NYC");
  }

  void Answer(SendResult result, SendControl::Progress progress = {}) {
    client_.answer = [=](const SendOrder&, InstructionSource&, SendControl& control) {
      control.SetProgress(progress);
      return result;
    };
  }
  absl::Duration Pass() { return loop_.RunOnce().value(); }
  void RunSends() {
    Pass();
    loop_.AwaitIdle();
  }
  void MakeDue() const { queue_.Execute("UPDATE waybill.send_request SET next_time = now()"); }

  TestQueue queue_;
  SendStore store_{queue_.database()};
  FakeClient client_;
  clock::FakeClock clock_;
  SendLoop loop_{{.store = store_,
                  .client = client_,
                  .clock = clock_,
                  .notify = [](absl::string_view) {},
                  .random = [] { return 0.5; }},
                 {.retry = {.backoff = {.base = absl::Seconds(8), .max = absl::Minutes(15)},
                            .space_retry = absl::Seconds(10)}}};
};

TEST_F(SendLoopTest, StreamsTheInstructionFromRowsAndEndsAsSent) {
  std::vector<std::string> targets;
  client_.answer = [&](const SendOrder&, InstructionSource& instruction, SendControl& control) {
    EXPECT_EQ(instruction.Head().value().job_id(), "CEN00001");
    for (;;) {
      const auto part = instruction.NextTargets().value();
      if (part.targets().empty()) break;
      for (const auto& target : part.targets()) {
        targets.push_back(target.sms_id() + target.site_code());
      }
    }
    EXPECT_EQ(instruction.Sizes().value().manifest_bytes, 90);
    control.SetProgress({.bytes_total = 700, .bytes_sent = 700, .accepted = true});
    return SendResult{.kind = SendResult::Kind::kSent};
  };
  RunSends();
  EXPECT_THAT(targets, testing::ElementsAre("LAB00001LAB", "LAB00002LAB", "NYC00001NYC"));
  EXPECT_EQ(queue_.Request(1), "6 ");
  EXPECT_EQ(queue_.Sites(), "CEN2 LAB2 NYC6");
  EXPECT_EQ(queue_.Query("SELECT bytes_sent FROM waybill.send_request"), "700");
}

TEST_F(SendLoopTest, ASupersededRequestHasNothingToDo) {
  Answer({.kind = SendResult::Kind::kSuperseded});
  RunSends();
  EXPECT_EQ(queue_.Request(1), "6 ");
}

TEST_F(SendLoopTest, AFailedAttemptWaitsWithJitterAndProgressBeginsTheCountAnew) {
  Answer({.kind = SendResult::Kind::kFailed, .status = absl::UnavailableError("no answer")});
  RunSends();
  EXPECT_EQ(queue_.Request(1), "5 UNREACHABLE: no answer");
  EXPECT_EQ(queue_.Query("SELECT attempt_count || ' ' || (next_time - now() BETWEEN '4 s' AND '5 "
                         "s') FROM waybill.send_request"),
            "1 true");
  MakeDue();
  RunSends();
  EXPECT_EQ(queue_.Query("SELECT attempt_count || ' ' || (next_time - now() BETWEEN '8 s' AND '9 "
                         "s') FROM waybill.send_request"),
            "2 true");
  MakeDue();
  Answer({.kind = SendResult::Kind::kFailed, .status = absl::UnavailableError("cut")},
         {.bytes_total = 9, .bytes_sent = 9, .bytes_durable = 5, .accepted = true});
  RunSends();
  EXPECT_EQ(queue_.Query("SELECT attempt_count FROM waybill.send_request"), "1");
}

TEST_F(SendLoopTest, ARefusalForGoodEndsTheSendAtOnceWithTheSitesBehind) {
  Answer({.kind = SendResult::Kind::kRefused, .status = absl::InvalidArgumentError("bad")});
  RunSends();
  EXPECT_EQ(queue_.Request(1), "7 REFUSED: INVALID_ARGUMENT: bad");
  EXPECT_EQ(queue_.Sites(), "CEN2 LAB7 NYC7");
}

TEST_F(SendLoopTest, NoRoomIsNoFailureAndTheNumbersStandInTheReason) {
  Answer({.kind = SendResult::Kind::kNoSpace, .needed_bytes = 500, .available_bytes = 20});
  RunSends();
  EXPECT_EQ(queue_.Request(1), "5 INSUFFICIENT_SPACE: site NYC needs 500 bytes and has 20");
  EXPECT_EQ(queue_.Query("SELECT attempt_count || ' ' || (next_time - now() BETWEEN '9 s' AND '10 "
                         "s') FROM waybill.send_request"),
            "0 true");
}

TEST_F(SendLoopTest, ACancelledSendEndsQuietlyAsCancelled) {
  EXPECT_LE(Pass(), absl::Seconds(1));  // While a worker is busy a pass comes every second.
  queue_.Execute("UPDATE waybill.job SET revision = 2, cancel_epoch = 1");
  RunSends();
  EXPECT_THAT(queue_.Request(1), StartsWith("7 CANCELLED"));
  EXPECT_EQ(queue_.Sites(), "CEN2 LAB7 NYC7");
}

TEST_F(SendLoopTest, ADeadlineThatPassesWhileSendingEndsTheSend) {
  Pass();
  queue_.Execute("UPDATE waybill.job SET deadline = now()");
  RunSends();
  EXPECT_THAT(queue_.Request(1), StartsWith("7 DEADLINE_PASSED"));
  EXPECT_EQ(queue_.Sites(), "CEN2 LAB7 NYC7");
}

TEST_F(SendLoopTest, AWorkerWhoseLeaseSomeoneElseTookReportsNothing) {
  Pass();
  queue_.Execute("UPDATE waybill.send_request SET fence = fence + 1");
  RunSends();
  EXPECT_EQ(queue_.Request(1), "3 ");
}

TEST_F(SendLoopTest, ASendThatStandsStillIsBrokenOffAndTriedAgain) {
  Pass();
  clock_.Advance(absl::Minutes(2) + absl::Seconds(1));
  RunSends();
  EXPECT_EQ(queue_.Request(1), "5 UNREACHABLE: nothing moved for 2m");
}

TEST_F(SendLoopTest, StoppingGivesBackWhatIsUnderWay) {
  Pass();
  loop_.Stop();
  EXPECT_EQ(queue_.Request(1), "2 ");
  EXPECT_EQ(queue_.Query("SELECT next_time <= now() FROM waybill.send_request"), "t");
}

TEST_F(SendLoopTest, TheNextPassIsDueWhenTheNextRequestIs) {
  Answer({.kind = SendResult::Kind::kNoSpace});
  RunSends();
  Pass();  // Reaps.
  const absl::Duration due = Pass();
  EXPECT_GT(due, absl::Seconds(8));
  EXPECT_LE(due, absl::Seconds(10));
}

TEST(SendControlTest, AFrozenProcessFindsByItselfThatItsLeaseIsOver) {
  clock::FakeClock clock;
  SendControl control(clock, absl::Seconds(15));
  clock.Advance(absl::Seconds(14));
  EXPECT_EQ(control.ShouldStop(), SendControl::Stop::kNone);
  control.LeaseRenewed(clock.Monotonic() - absl::Seconds(1));
  clock.Advance(absl::Seconds(13));
  EXPECT_EQ(control.ShouldStop(), SendControl::Stop::kNone);
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(control.ShouldStop(), SendControl::Stop::kLeaseLost);
}

TEST(SendControlTest, TheFirstReasonToStopStaysAndACallThatBeginsLaterIsBrokenOffToo) {
  clock::FakeClock clock;
  SendControl control(clock, absl::Seconds(15));
  control.RequestStop(SendControl::Stop::kSuperseded);
  control.RequestStop(SendControl::Stop::kDraining);
  EXPECT_EQ(control.ShouldStop(), SendControl::Stop::kSuperseded);
  bool broken_off = false;
  control.SetBreakOff([&] { broken_off = true; });
  EXPECT_TRUE(broken_off);
}

}  // namespace
}  // namespace waybill::sender
