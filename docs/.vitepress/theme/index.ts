// The default theme with lockwatch's colours.
import { type Theme, useData, useRoute } from "vitepress";
import DefaultTheme from "vitepress/theme";
import { nextTick, onMounted, watch } from "vue";

import "./style.css";

export default {
  extends: DefaultTheme,
  setup() {
    const { isDark } = useData();
    const route = useRoute();
    // By itself a <picture> follows the system's colour scheme, whatever the reader has chosen.
    const showPictures = (): void => {
      for (const source of document.querySelectorAll<HTMLSourceElement>("picture source[media]")) {
        source.dataset.scheme ??= /prefers-color-scheme:\s*(dark|light)/.exec(source.media)?.[1] ?? "";
        if (source.dataset.scheme) source.media = (source.dataset.scheme === "dark") === isDark.value ? "all" : "not all";
      }
    };
    onMounted(showPictures);
    watch([isDark, () => route.path], () => nextTick(showPictures));
  },
} satisfies Theme;
