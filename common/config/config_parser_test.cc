#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/config/parser.h"
#include "common/config/shared_options.h"
#include "common/logging/log.h"
#include "common/status/status_matchers.h"

namespace waybill::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ParserTest : public ::testing::Test {
 protected:
  ParserTest() {
    parser_.Integer("call-threads", threads_, {1, 100}, "threads");
    parser_.Bytes("cache-bytes", bytes_, {1 << 20, std::int64_t{1} << 40}, "cache");
    parser_.Duration("poll-interval", interval_, {absl::Milliseconds(10), absl::Hours(1)}, "poll");
    parser_.Address("listen-address", address_, "where");
    parser_.Choice("mode", mode_, {"fast", "safe"}, "how");
    parser_.Switch("dry-run", dry_run_, "nothing happens");
    parser_.TextList("source-folder", folders_, "folders");
    parser_.Subcommand("migrate", "moves the schema on");
  }
  ~ParserTest() override { std::remove(path_.c_str()); }

  absl::StatusOr<std::string> Parse(std::vector<std::string> arguments,
                                    std::vector<const char*> environment = {}) {
    environment.push_back(nullptr);
    return parser_.Parse(arguments, environment.data());
  }

  // The text of the error, empty if there is none.
  std::string ErrorOf(const std::vector<std::string>& arguments) {
    return std::string(Parse(arguments).status().message());
  }

  std::vector<std::string> FileWith(const std::string& text) {
    std::ofstream(path_) << text;
    return {"--config", path_};
  }

  int threads_ = 8;
  std::int64_t bytes_ = 64 << 20;
  absl::Duration interval_ = absl::Seconds(1);
  std::string address_ = "127.0.0.1:0";
  std::string mode_ = "safe";
  bool dry_run_ = false;
  std::vector<std::string> folders_;
  Parser parser_{"waybill-test", "A test."};
  const std::string path_ = ::testing::TempDir() + "/parser_test_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ParserTest, LeavesDefaultsWhereNothingIsGiven) {
  EXPECT_THAT(Parse({}), IsOk());
  EXPECT_EQ(threads_, 8);
  EXPECT_EQ(mode_, "safe");
}

TEST_F(ParserTest, ReadsEveryKindFromFlags) {
  EXPECT_THAT(Parse({"--call-threads", "5", "--cache-bytes=10GB", "--poll-interval", "60s",
                     "--listen-address", "[::1]:7", "--mode=fast", "--dry-run", "--source-folder",
                     "/a", "--source-folder", "/b"}),
              IsOk());
  EXPECT_EQ(threads_, 5);
  EXPECT_EQ(bytes_, 10'000'000'000);
  EXPECT_EQ(interval_, absl::Minutes(1));
  EXPECT_EQ(address_, "[::1]:7");
  EXPECT_EQ(mode_, "fast");
  EXPECT_TRUE(dry_run_);
  EXPECT_THAT(folders_, ElementsAre("/a", "/b"));
}

TEST_F(ParserTest, ReadsEveryKindFromAFile) {
  EXPECT_THAT(
      Parse(FileWith("# comment\ncall-threads = 5\ncache-bytes = \"10GB\"\n"
                     "poll-interval = \"60s\"\nlisten-address = \"[::1]:7\"\n"
                     "mode = \"fast\"\ndry-run = true\nsource-folder = [\"/a\", \"/b\"]\n")),
      IsOk());
  EXPECT_EQ(threads_, 5);
  EXPECT_EQ(bytes_, 10'000'000'000);
  EXPECT_EQ(interval_, absl::Minutes(1));
  EXPECT_EQ(address_, "[::1]:7");
  EXPECT_TRUE(dry_run_);
  EXPECT_THAT(folders_, ElementsAre("/a", "/b"));
}

TEST_F(ParserTest, PrefersFlagsToTheEnvironmentAndTheEnvironmentToTheFile) {
  std::vector<std::string> arguments =
      FileWith("call-threads = 1\nmode = \"fast\"\npoll-interval = \"2s\"\n");
  arguments.insert(arguments.end(), {"--call-threads", "3"});
  EXPECT_THAT(Parse(arguments, {"WAYBILL_CALL_THREADS=2", "WAYBILL_POLL_INTERVAL=3s",
                                "WAYBILL_SOURCE_FOLDER=/a,/b"}),
              IsOk());
  EXPECT_EQ(threads_, 3);
  EXPECT_EQ(interval_, absl::Seconds(3));
  EXPECT_EQ(mode_, "fast");
  EXPECT_THAT(folders_, ElementsAre("/a", "/b"));
}

TEST_F(ParserTest, NamesTheKeyThatIsUnknownOrStandsTwice) {
  EXPECT_THAT(ErrorOf(FileWith("call-thread = 5\n")), HasSubstr("'call-thread'"));
  EXPECT_THAT(ErrorOf(FileWith("[section]\ncall-threads = 5\n")), HasSubstr("section"));
  EXPECT_THAT(ErrorOf(FileWith("config = \"x\"\n")), HasSubstr("'config'"));
  EXPECT_THAT(ErrorOf(FileWith("call-threads = 5\ncall-threads = 6\n")), HasSubstr("call-threads"));
  EXPECT_THAT(ErrorOf(FileWith("call-threads = 5\nmode = \"fast\"\ncall-threads = 6\n")),
              HasSubstr("'call-threads' stands there twice"));
  EXPECT_THAT(ErrorOf({"--call-thread", "5"}), HasSubstr("--call-thread"));
  EXPECT_THAT(ErrorOf({"--config", "/nonexistent/file"}), HasSubstr("/nonexistent/file"));
}

TEST_F(ParserTest, SaysWhichSettingIsWrongWhereItCameFromAndWhatIsExpected) {
  EXPECT_THAT(ErrorOf({"--call-threads", "0"}),
              AllOf(HasSubstr("call-threads"), HasSubstr("flag"), HasSubstr("1 to 100"),
                    HasSubstr("does not mean unlimited")));
  EXPECT_THAT(std::string(Parse({}, {"WAYBILL_CALL_THREADS=101"}).status().message()),
              AllOf(HasSubstr("WAYBILL_CALL_THREADS"), HasSubstr("1 to 100")));
  EXPECT_THAT(ErrorOf(FileWith("cache-bytes = \"10g\"\n")),
              AllOf(HasSubstr("cache-bytes"), HasSubstr(path_), HasSubstr("64MiB")));
}

TEST_F(ParserTest, RefusesEveryValueOutsideItsKind) {
  const std::vector<std::vector<std::string>> bad = {{"--call-threads", "-1"},
                                                     {"--call-threads", "1e1"},
                                                     {"--call-threads", "4294967297"},
                                                     {"--cache-bytes", "0B"},
                                                     {"--cache-bytes", "2TiB"},
                                                     {"--poll-interval", "0s"},
                                                     {"--poll-interval", "inf"},
                                                     {"--listen-address", "127.0.0.1:99999"},
                                                     {"--mode", "reckless"},
                                                     {"--mode", ""},
                                                     {"--dry-run=maybe"},
                                                     {"--source-folder", ""},
                                                     {"--call-threads", "1", "--call-threads", "2"},
                                                     {"stray"}};
  for (const std::vector<std::string>& arguments : bad) {
    EXPECT_THAT(Parse(arguments), StatusIs(absl::StatusCode::kInvalidArgument)) << arguments[0];
  }
}

TEST_F(ParserTest, TellsASubcommandFromItsFlags) {
  EXPECT_THAT(Parse({"migrate", "--call-threads", "3"}), IsOk());
  EXPECT_EQ(parser_.subcommand(), "migrate");
  EXPECT_EQ(threads_, 3);
}

TEST_F(ParserTest, ExplainsItselfAndItsVersion) {
  const std::string help = *Parse({"--help"});
  EXPECT_THAT(help, AllOf(HasSubstr("--call-threads"), HasSubstr("64MiB"), HasSubstr("migrate")));
  EXPECT_THAT(*Parse({"--version"}), HasSubstr("waybill-test"));
}

TEST_F(ParserTest, EndsTheProcessWithTwoAfterAnError) {
  const char* const bad[] = {"waybill-test", "--no-such-flag"};
  EXPECT_EQ(parser_.ParseCommandLine(2, bad), 2);
}

class SharedOptionsTest : public ::testing::Test {
 protected:
  SharedOptionsTest() {
    AddServiceOptions(parser_, options_);
    AddJobDatabaseUri(parser_, uri_);
  }

  absl::Status ParseWith(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {
        "--tls-ca-file", "/ca", "--tls-key-file", "/key", "--tls-certificate-file", "/cert"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const char* const none[] = {nullptr};
    return parser_.Parse(arguments, none).status();
  }

  ServiceOptions options_;
  std::string uri_;
  Parser parser_{"waybill-test", "A test."};
};

TEST_F(SharedOptionsTest, ReadsTheDatabaseUriFromAFile) {
  const std::string path = ::testing::TempDir() + "/uri_file";
  std::ofstream(path) << "postgresql://secret\n";
  EXPECT_THAT(
      ParseWith({"--site-code", "CEN", "--log-level", "debug", "--job-database-uri-file", path}),
      IsOk());
  EXPECT_EQ(uri_, "postgresql://secret");
  EXPECT_EQ(options_.site_code, "CEN");
  EXPECT_EQ(options_.log_level, log::Level::kDebug);
  std::remove(path.c_str());
}

TEST_F(SharedOptionsTest, WantsExactlyOneDatabaseUriAndASite) {
  EXPECT_THAT(std::string(ParseWith({"--site-code", "CEN"}).message()),
              HasSubstr("job-database-uri"));
  EXPECT_THAT(std::string(ParseWith({"--job-database-uri", "x"}).message()),
              HasSubstr("site-code"));
  EXPECT_THAT(ParseWith({"--site-code", "C/N", "--job-database-uri", "x"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace waybill::config
