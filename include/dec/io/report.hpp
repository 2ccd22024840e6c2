/// \file report.hpp
/// What a reader did with each class and attribute of a file: nothing is dropped silently.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dec::io {

enum class Use {
    read,
    assumed,  ///< the file does not say it, and something had to be taken
    ignored,  ///< known, and without influence here
    unknown   ///< what it means is not known here
};

class Report {
  public:
    struct Entry {
        std::int64_t count = 0;
        std::string example;  ///< name of the first element concerned
        std::string note;     ///< what was assumed, why it is ignored, or what the format means by it
    };
    using Key = std::pair<std::string, Use>;  ///< "Class" or "Class.attribute"

    void add(std::string_view what, Use use, std::string_view example = {}, std::string_view note = {},
             std::int64_t count = 1);
    [[nodiscard]] std::map<Key, Entry> const& entries() const { return entries_; }
    /// One line per assumption, and one line that counts what is unknown; for the log.
    [[nodiscard]] std::vector<std::string> warnings() const;
    /// A table for a person (`dec inspect --report`).
    [[nodiscard]] std::string to_table() const;

  private:
    std::map<Key, Entry> entries_;
};

}  // namespace dec::io
