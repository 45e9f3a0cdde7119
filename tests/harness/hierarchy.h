#ifndef WAYBILL_TESTS_HARNESS_HIERARCHY_H_
#define WAYBILL_TESTS_HARNESS_HIERARCHY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "tests/harness/link.h"
#include "tests/harness/order.h"
#include "tests/harness/site.h"
#include "tests/harness/tree.h"

namespace waybill::harness {

/// How long something may take that is not measured: only reached when something is wrong.
inline constexpr absl::Duration kPatience = absl::Seconds(40);

/// What connects a site with its parent, or with itself: content and instructions go down, status
/// goes up.
class SiteLink {
 public:
  void Cut();
  void Heal();

  Link& transfer() { return transfer_; }
  Link& status() { return status_; }

 private:
  Link transfer_;  ///< From the parent's Sender to the site's Despooler.
  Link status_;    ///< From the site's Scheduler to the parent's.
};

/// A tree of sites as real processes on this machine, in a directory of its own, with a PostgreSQL
/// for the program and a job database for each site.
///
///   Hierarchy h({.sites = {"CEN", "NYC<CEN"}});
///   h.site("NYC").AddDistributionServer("DS1");
///   h.MakeAndImport("tools");
///   const std::string job = h.Submit(Share("tools").AtSites({"NYC"}));
///   EXPECT_TRUE(h.Ends(job, job::v1::JOB_STATE_COMPLETE));
///
/// All that it started ends with it, or with the program, however that ends. If the test failed,
/// the last lines of all logs are printed. For one thread.
class Hierarchy {
 public:
  struct Options {
    std::vector<std::string> sites;                  ///< "CEN", "NYC<CEN": parents before children.
    std::map<std::string, ServiceFlags> flags = {};  ///< By site; "*": of all others.
  };

  explicit Hierarchy(Options options);
  ~Hierarchy();
  Hierarchy(const Hierarchy&) = delete;
  Hierarchy& operator=(const Hierarchy&) = delete;

  Site& site(const std::string& code);
  Site& root() { return *sites_.front(); }
  const std::vector<std::unique_ptr<Site>>& sites() const { return sites_; }

  /// Between a site and its direct child; equal codes: between the site and itself.
  SiteLink& link(const std::string& parent, const std::string& child);
  /// Bytes that went down to Despoolers over all transfer links.
  std::int64_t TransferBytes() const;

  /// At the central site. MakeAndImport makes the source first; Import takes it as it is.
  package::v1::ImportVersionResponse MakeAndImport(const std::string& package_name,
                                                   const SourceOptions& source = {});
  package::v1::ImportVersionResponse Import(const std::string& package_name);
  std::string Submit(const Order& order) { return root().Submit(order); }

  /// Whether the job ends in this state at the central site, within `limit`.
  testing::AssertionResult Ends(const std::string& job_id, job::v1::JobState state,
                                absl::Duration limit = kPatience);
  /// Waits until what is registered below is known at the central site: activation freezes only
  /// what is known there.
  void AwaitRegistrations();

  /// Lines of the file that the commands of packages write when they start; each is one start.
  std::vector<std::string> Starts() const;
  /// "job SMS-ID" of each start, sorted: a start that happened twice is there twice.
  std::vector<std::string> StartedOnes() const;
  /// Opens the gate that the command "gated" waits for.
  void OpenGate() const;

  const std::string& directory() const { return directory_; }
  /// The last lines of every log, for people.
  std::string LogTails(int lines = 15) const;
  /// For the TearDown of tests that share a hierarchy: prints the logs if the test failed.
  void PrintLogsIfFailed() const;

 private:
  void AddSite(const std::string& text, const Options& options);

  std::string directory_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<SiteLink>> links_;
  std::vector<std::unique_ptr<Site>> sites_;
};

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_HIERARCHY_H_
