#include "common/metrics/metrics.h"

#include <memory>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "common/status/status_matchers.h"

namespace waybill::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What a Prometheus server sees.
std::string Scrape(int port) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  EXPECT_EQ(write(socket_fd, request.data(), request.size()), std::ssize(request));
  std::string answer;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(socket_fd, buffer, sizeof(buffer))) > 0) {
    answer.append(buffer, static_cast<std::size_t>(count));
  }
  close(socket_fd);
  return answer;
}

TEST(Metrics, ShowsWhatWasCountedOnAPortOfItsOwn) {
  CounterFamily sent("waybill_test_chunk_bytes_total", "Bytes.", {"address"});
  GaugeFamily open("waybill_test_streams", "Streams.");
  HistogramFamily seconds("waybill_test_pass_seconds", "Passes.", {"loop"});
  sent.With({"NYC-LAN"}).Increment(5);
  sent.With({"NYC-LAN"}).Increment(2);
  open.With().Set(3);
  seconds.With({"lease"}).Observe(0.02);

  const std::unique_ptr<Exposer> exposer = *Exposer::Start("127.0.0.1:0");
  ASSERT_GT(exposer->port(), 0);
  const std::string text = Scrape(exposer->port());
  EXPECT_THAT(text, HasSubstr("200 OK"));
  EXPECT_THAT(text, HasSubstr(R"(waybill_test_chunk_bytes_total{address="NYC-LAN"} 7)"));
  EXPECT_THAT(text, HasSubstr("waybill_test_streams 3"));
  EXPECT_THAT(text, HasSubstr(R"(waybill_test_pass_seconds_bucket{loop="lease",le="0.025"} 1)"));
}

TEST(Metrics, CountsUnderOtherWhenAPeerInventsNames) {
  CounterFamily polls("waybill_test_polls_total", "Polls.", {"host"}, /*series_max=*/3);
  for (int i = 0; i < 1000; ++i) {
    polls.With({absl::StrCat("host", i)}).Increment();
  }
  EXPECT_EQ(polls.With({"host0"}).Value(), 1);
  EXPECT_EQ(polls.With({"other"}).Value(), 997);
}

TEST(Metrics, NamesTheAddressThatIsTaken) {
  const std::unique_ptr<Exposer> first = *Exposer::Start("127.0.0.1:0");
  const std::string address = absl::StrCat("127.0.0.1:", first->port());
  const auto second = Exposer::Start(address);
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(second.status().ToString(), HasSubstr(address));
}

TEST(MetricsDeathTest, EndsTheProcessForAWrongNumberOfLabels) {
  CounterFamily family("waybill_test_labels_total", "Labels.", {"a", "b"});
  EXPECT_DEATH(family.With({"only one"}), "check failed");
}

}  // namespace
}  // namespace waybill::metrics
