// The command line `waybill` against running sites, and the settings of the services: what people
// and scripts see.

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

#include "tests/harness/certificates.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/service.h"
#include "tests/harness/shell.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

class CliTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { h = new Hierarchy({.sites = {"CEN", "NYC<CEN"}}); }
  static void TearDownTestSuite() {
    delete h;
    h = nullptr;
  }
  void TearDown() override { h->PrintLogsIfFailed(); }

  // Runs `waybill` with these words against a site.
  static Said Waybill(const std::string& site_code, const std::vector<std::string>& words) {
    Site& site = h->site(site_code);
    std::vector<std::string> all = {ProgramPath("waybill"),
                                    "--server",
                                    absl::StrCat("127.0.0.1:", site.scheduler().port("admin")),
                                    "--sender",
                                    absl::StrCat("127.0.0.1:", site.sender().port("admin")),
                                    "--site",
                                    site_code,
                                    "--certs",
                                    Certificates::OfThisProgram().directory()};
    all.insert(all.end(), words.begin(), words.end());
    return RunProgram(all);
  }

  static std::string Table(const std::string& site_code, const std::vector<std::string>& words) {
    const Said said = Waybill(site_code, words);
    EXPECT_EQ(said.exit_code, 0) << said.output;
    return said.output;
  }

  static json Json(const std::string& site_code, std::vector<std::string> words) {
    words.insert(words.begin(), {"-o", "json"});
    const Said said = Waybill(site_code, words);
    EXPECT_EQ(said.exit_code, 0) << said.output;
    json parsed = json::parse(said.output, nullptr, /*allow_exceptions=*/false);
    EXPECT_FALSE(parsed.is_discarded()) << said.output;
    return parsed;
  }

  static Hierarchy* h;
};

Hierarchy* CliTest::h = nullptr;

// One story, since each command needs what the ones before it made.
TEST_F(CliTest, TakesAPackageFromItsSourceToAWorkstationAndAwayAgain) {
  Site& nyc = h->site("NYC");
  const std::string share = "c=" + nyc.MakeShareDirectory("DS1");
  // Nobody serves there: the workstation goes on with the directory.
  Table("NYC", {"server", "put", "DS1", "--share", share, "--url", "c=http://127.0.0.1:1/ds1"});
  EXPECT_THAT(Table("NYC", {"server", "list"}),
              AllOf(HasSubstr("DS1"), HasSubstr("http://127.0.0.1:1/ds1")));
  EXPECT_EQ(Json("NYC", {"server", "list"})["servers"][0]["shares"][0]["url"],
            "http://127.0.0.1:1/ds1");
  Table("NYC", {"logon", "put", "LS1", "--directory", nyc.MakeShareDirectory("LS1", "logon")});
  EXPECT_EQ(Json("NYC", {"logon", "list"})["servers"][0]["server_name"], "LS1");

  const std::string list = h->directory() + "/machines.csv";
  std::ofstream(list) << "host_name,domain,operating_system\nPC1,SALES,linux\n";
  EXPECT_THAT(Table("NYC", {"workstation", "import", list}), HasSubstr("1"));
  const std::string sms_id =
      Json("NYC", {"workstation", "list"})["workstations"][0]["sms_id"].get<std::string>();
  EXPECT_THAT(Table("NYC", {"workstation", "list", "--path", "NYC|SALES|*"}), HasSubstr(sms_id));
  Certificates::OfThisProgram().MakeForWorkstations("NYC", {sms_id});
  Table("NYC", {"group", "put", "ours", "--workstations", sms_id});
  EXPECT_THAT(Table("NYC", {"group", "list"}), HasSubstr("ours"));
  h->AwaitRegistrations();
  EXPECT_THAT(Table("CEN", {"site", "tree"}), AllOf(HasSubstr("CEN"), HasSubstr("NYC")));
  EXPECT_EQ(Json("CEN", {"site", "tree"})["sites"].size(), 2U);
  EXPECT_THAT(Table("CEN", {"site", "list"}), HasSubstr("127.0.0.1:"));
  const json sites = Json("CEN", {"site", "list"});
  EXPECT_EQ(sites["sites"].size(), 2U);
  EXPECT_EQ(sites["addresses"][0]["concurrent_sends_max"], 3);

  MakeSource(h->root().SourceOf("tools"));
  Table("CEN", {"package", "create", "tools", "--source", h->root().SourceOf("tools"), "--command",
                "record=record.sh " + h->root().starts_path()});
  EXPECT_THAT(Table("CEN", {"package", "import", "tools"}), ContainsRegex("[0-9a-f]{16}"));
  EXPECT_THAT(Table("CEN", {"package", "list"}), HasSubstr("tools"));
  EXPECT_EQ(Json("CEN", {"package", "versions", "tools"})["versions"].size(), 1U);

  nyc.StartAgent(sms_id);
  const Said run = Waybill("CEN", {"job", "submit", "run", "--package", "tools", "--command",
                                   "record", "--path", "NYC|*|*", "--watch"});
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(run.output, AllOf(HasSubstr("CEN00001"), HasSubstr("COMPLETE")));
  EXPECT_EQ(h->Starts().size(), 1U);
  EXPECT_THAT(Table("CEN", {"job", "get", "CEN00001"}),
              AllOf(HasSubstr("Only If Not Previously Sent"), HasSubstr("Distribute: 1 of 1 done"),
                    HasSubstr("Run: 1 of 1 done"), HasSubstr("DS1")));
  EXPECT_EQ(Json("CEN", {"job", "get", "CEN00001"})["state"], "JOB_STATE_COMPLETE");
  EXPECT_THAT(Table("CEN", {"job", "list"}), HasSubstr("CEN00001"));
  EXPECT_THAT(Table("CEN", {"job", "targets", "CEN00001"}),
              AllOf(HasSubstr(sms_id), HasSubstr("SUCCEEDED")));
  EXPECT_THAT(Table("CEN", {"package", "locations", "tools"}), HasSubstr("DS1"));
  EXPECT_THAT(Table("CEN", {"send", "list", "--all"}), HasSubstr("NYC"));

  const Said removal = Waybill(
      "CEN", {"job", "submit", "remove", "--package", "tools", "--sites", "NYC", "--watch"});
  EXPECT_EQ(removal.exit_code, 0) << removal.output;
  EXPECT_EQ(Json("CEN", {"package", "locations", "tools"})["locations"].size(), 1U);
}

TEST_F(CliTest, SaysByItsExitCodeWhatHappened) {
  const Said unknown = Waybill("CEN", {"job", "get", "CEN77777"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.output, HasSubstr("CEN77777"));
  EXPECT_EQ(Waybill("CEN", {"job", "gte", "CEN00001"}).exit_code, 2);
  EXPECT_EQ(Waybill("CEN", {"job", "submit", "run"}).exit_code, 2);
  EXPECT_EQ(Waybill("CEN", {"job", "get", "no id"}).exit_code, 1);

  // At the address of another site: who answers there is not the one that was asked for.
  const Said wrong_site =
      RunProgram({ProgramPath("waybill"), "--server",
                  absl::StrCat("127.0.0.1:", h->site("NYC").scheduler().port("admin")), "--site",
                  "CEN", "--certs", Certificates::OfThisProgram().directory(), "job", "list"});
  EXPECT_EQ(wrong_site.exit_code, 1);
  EXPECT_THAT(wrong_site.output, HasSubstr("--site"));
}

TEST_F(CliTest, NamesTheShareOrTheUrlThatCannotBe) {
  const std::string share = "c=" + h->root().MakeShareDirectory("DS9");
  const std::pair<std::string, std::string> bad[] = {
      {"d=http://ds9", "--share of that drive"},
      {"http://ds9", "DRIVE=URL"},
      {"c=ftp://ds9", "server.shares[0].url"},
      {"c=http://ds9/?x", "server.shares[0].url"},
  };
  for (const auto& [url, named] : bad) {
    const Said said = Waybill("CEN", {"server", "put", "DS9", "--share", share, "--url", url});
    EXPECT_EQ(said.exit_code, 1) << said.output;
    EXPECT_THAT(said.output, HasSubstr(named));
  }
  const Said twice = Waybill("CEN", {"server", "put", "DS9", "--share", share, "--url",
                                     "c=http://ds9", "--url", "c=http://ds8"});
  EXPECT_EQ(twice.exit_code, 1) << twice.output;
  EXPECT_THAT(twice.output, HasSubstr("has a URL already"));
  EXPECT_THAT(Table("CEN", {"server", "list"}), testing::Not(HasSubstr("DS9")));
}

TEST_F(CliTest, EndsAWatchWithFourWhenTheJobIsCancelledAndWithThreeWhenItFails) {
  MakeSource(h->root().SourceOf("other"));
  Table("CEN", {"package", "create", "other", "--source", h->root().SourceOf("other")});
  Table("CEN", {"package", "import", "other"});
  const auto submit = [](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"job",   "submit",  "share", "--package",
                                      "other", "--sites", "NYC",   "--put"};
    words.insert(words.end(), more.begin(), more.end());
    return Json("CEN", words)["job_id"].get<std::string>();
  };
  const std::string cancelled = submit({"--start-after", "+60m"});
  Table("CEN", {"job", "cancel", cancelled});
  EXPECT_EQ(Waybill("CEN", {"job", "watch", cancelled}).exit_code, 4);
  // Sending is off and NYC does not hold the version.
  const std::string failed = submit({"--send", "off"});
  const Said watch = Waybill("CEN", {"job", "watch", failed});
  EXPECT_EQ(watch.exit_code, 3) << watch.output;
  EXPECT_THAT(Table("CEN", {"job", "get", failed}), HasSubstr("VERSION_NOT_AT_SITE"));
}

TEST(ServiceSettingsTest, AnUnknownOrAMissingSettingEndsEachProgramWithTwo) {
  for (const char* program : {"waybill-scheduler", "waybill-sender", "waybill-despooler",
                              "waybill-pcm-manager", "waybill-pcm"}) {
    SCOPED_TRACE(program);
    const Said unknown = RunProgram({ProgramPath(program), "--no-such-setting", "1"});
    EXPECT_EQ(unknown.exit_code, 2);
    EXPECT_THAT(unknown.output, HasSubstr("no-such-setting"));
    const Said missing = RunProgram({ProgramPath(program)});
    EXPECT_EQ(missing.exit_code, 2);
    EXPECT_THAT(missing.output, HasSubstr("must be given"));
    EXPECT_EQ(RunProgram({ProgramPath(program), "--help"}).exit_code, 0);
  }
}

// Starts a second process of the service, with more settings, which must end with 2 and name them.
void ExpectRefused(const Process::Options& service, const std::vector<std::string>& settings,
                   const std::string& named) {
  Process::Options options = service;
  options.log_path += ".refused";
  options.arguments.insert(options.arguments.end(), settings.begin(), settings.end());
  Process process(options);
  process.Start();
  EXPECT_EQ(process.AwaitExit(kPatience), 2);
  EXPECT_THAT(process.LogTail(3), HasSubstr(named));
}

TEST_F(CliTest, AZeroOrAnUnknownKeyInTheFileOfSettingsIsNamedByEachService) {
  const std::string zero = h->directory() + "/zero.toml";
  std::ofstream(zero) << "drain-max = \"0s\"\n";
  const std::string unknown = h->directory() + "/unknown.toml";
  std::ofstream(unknown) << "pol-interval = \"1s\"\n";
  for (const char* name : {"scheduler", "sender", "despooler", "pcm-manager"}) {
    SCOPED_TRACE(name);
    Process::Options options = h->root().service(name).process().options();
    ExpectRefused(options, {"--config", unknown}, "pol-interval");
    // Given on the command line it would hide the file's.
    const auto drain = std::find(options.arguments.begin(), options.arguments.end(), "--drain-max");
    options.arguments.erase(drain, drain + 2);
    ExpectRefused(options, {"--config", zero}, "drain-max");
    ExpectRefused(options, {"--drain-max", "0s"}, "drain-max");
  }
}

}  // namespace
}  // namespace waybill::harness
