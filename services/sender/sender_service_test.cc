#include "services/sender/sender_service.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "common/rpc/call_context.h"
#include "common/status/status_matchers.h"
#include "services/sender/test_queue.h"

namespace waybill::sender {
namespace {

using ::testing::ElementsAre;

class SenderServiceTest : public testing::Test {
 protected:
  absl::StatusOr<v1::ListSendRequestsResponse> List(const v1::ListSendRequestsRequest& request) {
    return service_.List(request, call_);
  }

  TestQueue queue_;
  SendStore store_{queue_.database()};
  Executor calls_{1, 1};
  SenderService service_{store_, calls_};
  const rpc::CallContext call_{rpc::Identity{}};
};

TEST_F(SenderServiceTest, PagesThroughTheQueueWithoutGapsOrRepeats) {
  for (int i = 1; i <= 5; ++i) {
    queue_.AddJob(absl::StrCat("CEN0000", i));
    queue_.AddRequest(absl::StrCat("CEN0000", i), "NYC", i % 3 + 1);
  }
  queue_.Execute(
      "UPDATE waybill.send_request SET state = 6, finish_time = now() WHERE send_request_id = 1");
  v1::ListSendRequestsRequest request;
  request.set_page_size(2);
  request.set_include_ended(true);
  std::vector<std::string> jobs;
  int pages = 0;
  do {
    const auto response = List(request).value();
    for (const v1::SendRequest& row : response.send_requests()) {
      jobs.push_back(row.job_id());
    }
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(jobs, ElementsAre("CEN00002", "CEN00005", "CEN00004", "CEN00003", "CEN00001"));
}

TEST_F(SenderServiceTest, ShowsWhatARowSays) {
  queue_.AddJob("CEN00001");
  queue_.AddRequest("CEN00001", "NYC", 3);
  queue_.Execute(
      "UPDATE waybill.send_request SET state = 5, reason = 'UNREACHABLE: x', attempt_count = 2, "
      "bytes_total = 9, bytes_sent = 4");
  const auto response = List({}).value();
  ASSERT_EQ(response.send_requests_size(), 1);
  const v1::SendRequest& shown = response.send_requests(0);
  EXPECT_EQ(shown.site_code(), "NYC");
  EXPECT_EQ(shown.version().substr(0, 4), "abab");
  EXPECT_EQ(shown.priority(), job::v1::PRIORITY_HIGH);
  EXPECT_EQ(shown.state(), job::v1::SEND_STATE_RETRYING);
  EXPECT_EQ(shown.reason(), "UNREACHABLE: x");
  EXPECT_EQ(shown.attempt_count(), 2);
  EXPECT_EQ(shown.bytes_total(), 9);
  EXPECT_EQ(shown.bytes_sent(), 4);
  EXPECT_TRUE(shown.has_next_time());
  EXPECT_FALSE(shown.has_finish_time());
}

TEST_F(SenderServiceTest, RefusesBadFieldsByName) {
  const auto refusal = [&](const v1::ListSendRequestsRequest& request) {
    return std::string(List(request).status().message());
  };
  v1::ListSendRequestsRequest request;
  request.set_page_size(1001);
  EXPECT_THAT(refusal(request), testing::HasSubstr("page_size"));
  request.set_page_size(-1);
  EXPECT_THAT(refusal(request), testing::HasSubstr("page_size"));
  request.set_page_size(0);
  request.set_site_code("nyc");
  EXPECT_THAT(refusal(request), testing::HasSubstr("site_code"));
  request.set_site_code("");
  for (const char* token : {"1", "1.2", "1.2.x", "1.2.3.4", "'; DROP TABLE x"}) {
    request.set_page_token(token);
    EXPECT_THAT(refusal(request), testing::HasSubstr("page_token")) << token;
  }
}

}  // namespace
}  // namespace waybill::sender
