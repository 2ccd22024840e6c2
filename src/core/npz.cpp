#include "dec/core/npz.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "dec/core/error.hpp"
#include "dec/core/output_file.hpp"

namespace dec::core {

namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they lie in memory");

/// CRC-32 of IEEE 802.3, as zip wants it.
std::uint32_t checksum(std::string_view bytes) {
    static auto const table = [] {
        std::array<std::uint32_t, 256> t{};
        for (std::uint32_t i = 0; i < 256; ++i) {
            std::uint32_t c = i;
            for (int k = 0; k < 8; ++k) c = (c & 1U) != 0 ? 0xEDB88320U ^ (c >> 1) : c >> 1;
            t[i] = c;
        }
        return t;
    }();
    std::uint32_t crc = 0xFFFFFFFFU;
    for (char const byte : bytes) crc = table[(crc ^ static_cast<unsigned char>(byte)) & 0xFFU] ^ (crc >> 8);
    return ~crc;
}

template <class Number>
void put(std::string& bytes, Number value) {
    std::array<char, sizeof(Number)> raw{};
    std::memcpy(raw.data(), &value, sizeof(Number));
    bytes.append(raw.data(), raw.size());
}

/// What the local header and the directory say alike of an entry.
void put_description(std::string& bytes, std::string_view name, std::string_view content) {
    constexpr std::uint16_t version = 20, flags = 0, stored = 0, midnight = 0, first_of_1980 = 0x21, no_extra = 0;
    auto const size = static_cast<std::uint32_t>(content.size());
    for (auto const word : {version, flags, stored, midnight, first_of_1980}) put(bytes, word);
    for (auto const word : {checksum(content), size, size}) put(bytes, word);
    for (auto const word : {static_cast<std::uint16_t>(name.size()), no_extra}) put(bytes, word);
}

template <class Value>
std::string_view raw(std::span<Value const> values) {
    return {reinterpret_cast<char const*>(values.data()), values.size_bytes()};
}

}  // namespace

void NpzArchive::add_array(std::string_view name, std::string_view type, std::string_view shape, std::string_view data) {
    auto header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, shape);
    constexpr std::size_t before = 10, alignment = 64;  // magic text, version, length of the header
    header.append(alignment - 1 - (before + header.size()) % alignment, ' ');
    header += '\n';
    std::string bytes{"\x93NUMPY\x01\x00", 8};
    put(bytes, static_cast<std::uint16_t>(header.size()));
    bytes += header;
    bytes += data;
    entries_.push_back({fmt::format("{}.npy", name), std::move(bytes)});
}

void NpzArchive::add(std::string_view name, std::span<double const> values) {
    add_array(name, "<f8", fmt::format("{},", values.size()), raw(values));
}

void NpzArchive::add(std::string_view name, std::span<std::int64_t const> values) {
    add_array(name, "<i8", fmt::format("{},", values.size()), raw(values));
}

void NpzArchive::add(std::string_view name, double scalar) { add_array(name, "<f8", "", raw(std::span<double const>{&scalar, 1})); }

void NpzArchive::add(std::string_view name, std::span<std::string const> texts) {
    std::size_t width = 1;
    for (auto const& text : texts) width = std::max(width, text.size());
    std::string data(width * texts.size(), '\0');
    for (std::size_t i = 0; i < texts.size(); ++i) std::ranges::copy(texts[i], data.begin() + static_cast<std::ptrdiff_t>(i * width));
    add_array(name, fmt::format("|S{}", width), fmt::format("{},", texts.size()), data);
}

void NpzArchive::write(std::string const& path) const {
    std::string file, directory;
    for (auto const& entry : entries_) {
        auto const offset = file.size();
        constexpr std::size_t most = 0xFFFFFFFFU;
        if (offset + entry.bytes.size() > most)
            throw InvalidInput{Finding{path, {}, "would be larger than 4 GiB", "write .mps instead, or a smaller feeder"}};
        put(file, std::uint32_t{0x04034b50});
        put_description(file, entry.name, entry.bytes);
        file += entry.name + entry.bytes;
        put(directory, std::uint32_t{0x02014b50});
        put(directory, std::uint16_t{20});
        put_description(directory, entry.name, entry.bytes);
        constexpr std::uint16_t no_comment = 0, first_disk = 0, binary = 0;
        for (auto const word : {no_comment, first_disk, binary}) put(directory, word);
        put(directory, std::uint32_t{0});
        put(directory, static_cast<std::uint32_t>(offset));
        directory += entry.name;
    }
    auto const start = file.size();
    file += directory;
    put(file, std::uint32_t{0x06054b50});
    auto const count = static_cast<std::uint16_t>(entries_.size());
    for (auto const word : {std::uint16_t{0}, std::uint16_t{0}, count, count}) put(file, word);
    put(file, static_cast<std::uint32_t>(directory.size()));
    put(file, static_cast<std::uint32_t>(start));
    put(file, std::uint16_t{0});
    write_file(path, file);
}

}  // namespace dec::core
