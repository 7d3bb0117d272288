//! Words that speak for a kind of work, and how strongly.

use neptune_contracts::names::TaskType;
use std::{collections::HashMap, sync::LazyLock};

/// A text that begins with one of these is a question.
pub(super) const QUESTION_OPENERS: &[&str] =
    &["what", "who", "when", "where", "which", "why", "how", "is", "are", "does", "do", "can", "did", "was"];

/// Kind, weight, words.
const CUES: &[(TaskType, f32, &str)] = &[
    (TaskType::CodeGeneration, 3.0, "refactor"),
    (TaskType::CodeGeneration, 2.5, "python javascript typescript c++ c# sql debug powershell golang kotlin codebase"),
    (
        TaskType::CodeGeneration,
        2.0,
        "code java rust html css bash regex compile react sklearn numpy pandas dataframe django vba php ruby def void const snippet unittest println printf std",
    ),
    (TaskType::CodeGeneration, 1.5, "shell bug implement arduino swift docker kubernetes git coding"),
    (TaskType::CodeGeneration, 1.2, "function import array int"),
    (TaskType::CodeGeneration, 1.0, "api program implementation latex endpoint"),
    (TaskType::CodeGeneration, 0.8, "script algorithm excel query"),
    (TaskType::CodeGeneration, 0.6, "method tests"),
    (TaskType::CodeGeneration, 0.5, "class json"),
    (TaskType::Summarization, 5.0, "summarize summarise tldr"),
    (TaskType::Summarization, 4.0, "summary summarizing condense abridge"),
    (TaskType::Summarization, 3.0, "summarised summarized recap gist takeaways"),
    (TaskType::Summarization, 2.0, "headline shorten"),
    (TaskType::Summarization, 1.5, "digest"),
    (TaskType::Summarization, 1.0, "highlights abstract"),
    (TaskType::Summarization, 0.3, "minutes"),
    (TaskType::Summarization, 0.2, "outline"),
    (TaskType::Reasoning, 3.0, "calculate solve prove deduce"),
    (TaskType::Reasoning, 2.5, "equation puzzle riddle derive integral derivative theorem clues polynomial"),
    (TaskType::Reasoning, 2.0, "proof probability clue math arithmetic reasoning"),
    (TaskType::Reasoning, 1.5, "logic compute triangle mph matrix velocity"),
    (TaskType::Reasoning, 1.2, "logical twice"),
    (TaskType::Reasoning, 1.0, "infer sum percent percentage integer simplify evaluate older"),
    (TaskType::Reasoning, 0.9, "many"),
    (TaskType::Reasoning, 0.8, "average minimum maximum km therefore"),
    (TaskType::Reasoning, 0.7, "half"),
    (TaskType::Reasoning, 0.6, "total solution"),
    (TaskType::Reasoning, 0.5, "remaining speed left"),
    (TaskType::Reasoning, 0.4, "cost costs much"),
    (TaskType::Reasoning, 0.3, "each"),
    (TaskType::Reasoning, 0.25, "if"),
    (TaskType::Extraction, 5.0, "extract"),
    (TaskType::Extraction, 4.0, "extracting extraction"),
    (TaskType::Extraction, 3.0, "ner"),
    (TaskType::Extraction, 2.5, "parse entities keywords"),
    (TaskType::Extraction, 2.0, "entity"),
    (TaskType::Extraction, 1.5, "keyword retrieve invoice locate"),
    (TaskType::Extraction, 1.2, "json"),
    (TaskType::Extraction, 1.0, "fields mentioned mentions pull amounts"),
    (TaskType::Extraction, 0.8, "identify dates names"),
    (TaskType::Extraction, 0.4, "find list"),
    (TaskType::Classification, 5.0, "classify"),
    (TaskType::Classification, 4.5, "categorize categorise"),
    (TaskType::Classification, 3.5, "sentiment"),
    (TaskType::Classification, 3.0, "classification triage"),
    (TaskType::Classification, 2.5, "category categories label spam intent"),
    (TaskType::Classification, 2.0, "labels toxic"),
    (TaskType::Classification, 1.5, "positive negative neutral tag priority belongs"),
    (TaskType::Classification, 0.8, "determine urgent"),
    (TaskType::Classification, 0.6, "topic whether"),
    (TaskType::Classification, 0.4, "ticket"),
    (TaskType::Translation, 5.5, "translate"),
    (TaskType::Translation, 4.0, "translation"),
    (TaskType::Translation, 3.5, "translator"),
    (TaskType::Translation, 3.0, "translated translating"),
    (TaskType::Translation, 2.0, "localize"),
    (
        TaskType::Translation,
        1.0,
        "german french spanish chinese japanese italian portuguese russian korean arabic hindi dutch",
    ),
    (TaskType::Translation, 0.7, "english"),
    (TaskType::Translation, 0.5, "polish"),
    (TaskType::QuestionAnswering, 2.0, "explain define"),
    (TaskType::QuestionAnswering, 1.5, "definition difference"),
    (TaskType::QuestionAnswering, 1.4, "why"),
    (TaskType::QuestionAnswering, 1.3, "how"),
    (TaskType::QuestionAnswering, 1.2, "what who answer question meaning recommend advice compare"),
    (TaskType::QuestionAnswering, 1.0, "which"),
    (TaskType::QuestionAnswering, 0.8, "where choose should advantages happens"),
    (TaskType::QuestionAnswering, 0.7, "when"),
    (TaskType::QuestionAnswering, 0.6, "cause causes capital"),
    (TaskType::QuestionAnswering, 0.5, "describe does true false history"),
    (TaskType::QuestionAnswering, 0.4, "correct information country did"),
    (TaskType::QuestionAnswering, 0.3, "is are best someone works tell"),
    (TaskType::QuestionAnswering, 0.15, "about"),
    (TaskType::QuestionAnswering, 0.1, "following can"),
    (TaskType::CreativeWriting, 4.0, "poem haiku"),
    (TaskType::CreativeWriting, 3.5, "lyrics slogan tagline"),
    (TaskType::CreativeWriting, 3.0, "story screenplay fanfic"),
    (TaskType::CreativeWriting, 2.5, "song essay advertisement brainstorm compose invent rap"),
    (TaskType::CreativeWriting, 2.2, "blog"),
    (
        TaskType::CreativeWriting,
        2.0,
        "fiction fictional scene tweet instagram biography speech recipe captivating newsletter",
    ),
    (TaskType::CreativeWriting, 1.8, "write"),
    (TaskType::CreativeWriting, 1.5, "novel dialogue ideas creative draft jokes joke persuasive proposal chapter"),
    (TaskType::CreativeWriting, 1.4, "create"),
    (TaskType::CreativeWriting, 1.2, "ad letter script outline titles engaging"),
    (
        TaskType::CreativeWriting,
        1.0,
        "character plot post linkedin description imagine marketing funny youtube presentation slides",
    ),
    (TaskType::CreativeWriting, 0.8, "article email plan suggest"),
    (TaskType::CreativeWriting, 0.7, "generate review"),
    (TaskType::CreativeWriting, 0.5, "content names design"),
    (TaskType::CreativeWriting, 0.4, "product title video words cover"),
    (TaskType::CreativeWriting, 0.3, "make"),
    (TaskType::CreativeWriting, 0.2, "name"),
    (TaskType::Chat, 3.5, "hello roleplay"),
    (TaskType::Chat, 3.0, "hey"),
    (TaskType::Chat, 2.5, "hi thanks pretend"),
    (TaskType::Chat, 2.0, "lonely greetings lol"),
    (TaskType::Chat, 1.5, "thank yourself chat"),
    (TaskType::Chat, 1.2, "talk"),
    (TaskType::Chat, 1.0, "feeling favorite conversation"),
    (TaskType::Chat, 0.9, "act"),
    (TaskType::Chat, 0.8, "morning opinion"),
    (TaskType::Chat, 0.7, "sorry role"),
    (TaskType::Chat, 0.6, "play"),
    (TaskType::Chat, 0.5, "acting think"),
    (TaskType::Chat, 0.4, "game i'm"),
    (TaskType::Rewriting, 5.0, "rewrite rephrase paraphrase reword proofread"),
    (TaskType::Rewriting, 4.0, "rewriting"),
    (TaskType::Rewriting, 3.5, "polish revise"),
    (TaskType::Rewriting, 3.0, "grammar"),
    (TaskType::Rewriting, 2.5, "edit"),
    (TaskType::Rewriting, 2.2, "improve"),
    (TaskType::Rewriting, 2.0, "spelling clearer reformat"),
    (TaskType::Rewriting, 1.8, "enhance"),
    (TaskType::Rewriting, 1.5, "correct formal simplify shorter professionally"),
    (TaskType::Rewriting, 1.2, "tone convert fix"),
    (TaskType::Rewriting, 1.0, "concise transform"),
    (TaskType::Rewriting, 0.8, "professional"),
    (TaskType::Rewriting, 0.6, "sentence paragraph"),
    (TaskType::Rewriting, 0.5, "better sentences"),
    (TaskType::Rewriting, 0.4, "style"),
];

type Votes = Vec<(TaskType, f32)>;

static BY_WORD: LazyLock<HashMap<&'static str, (u16, Votes)>> = LazyLock::new(|| {
    let mut by_word: HashMap<&'static str, (u16, Votes)> = HashMap::new();
    for (task_type, weight, words) in CUES {
        for word in words.split(' ') {
            let number = u16::try_from(by_word.len()).unwrap_or(u16::MAX);
            by_word.entry(word).or_insert_with(|| (number, Vec::new())).1.push((*task_type, *weight));
        }
    }
    by_word
});

/// The number of a cue word, and what it speaks for.
pub(super) fn lookup(word: &str) -> Option<(u16, &'static [(TaskType, f32)])> {
    let (number, votes) = BY_WORD.get(word)?;
    Some((*number, votes.as_slice()))
}
